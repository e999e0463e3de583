"""Duties are done again and again, whatever becomes of them once."""

import asyncio

import structlog.testing

from assistd.periodic import Duty, repeating


async def test_a_duty_is_done_at_once_and_again_until_the_block_ends() -> None:
    done = asyncio.Queue[int]()

    async def act() -> None:
        done.put_nowait(1)

    async with repeating(Duty("count", act, 0.001)):
        for _ in range(3):
            await asyncio.wait_for(done.get(), 5)
    before = done.qsize()
    await asyncio.sleep(0.01)
    assert done.qsize() == before


async def test_a_duty_that_fails_is_logged_and_tried_again_and_holds_up_no_other() -> None:
    tried, others = asyncio.Queue[int](), asyncio.Queue[int]()

    async def fail() -> None:
        tried.put_nowait(1)
        raise ValueError("s3cr3t")

    async def hang() -> None:
        await asyncio.Event().wait()

    async def act() -> None:
        others.put_nowait(1)

    with structlog.testing.capture_logs() as events:
        async with repeating(Duty("bad", fail, 0), Duty("slow", hang, 0), Duty("good", act, 0)):
            for _ in range(2):
                await asyncio.wait_for(tried.get(), 5)
            await asyncio.wait_for(others.get(), 5)
    assert {"duty": "bad", "error": "ValueError", "event": "duty failed"}.items() <= events[
        0
    ].items()
    assert "s3cr3t" not in str(events)
