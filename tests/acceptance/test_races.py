"""What happens at the same time: one of the two wins, and nothing is torn."""

import asyncio
from typing import Any

import openai
from openai import AsyncOpenAI

from tests.acceptance.conftest import Ask, weather
from tests.live.server import wait_until
from tests.upstream import Upstream


async def settle(*calls: Any) -> tuple[list[Any], list[Any]]:
    """What came of calls made at once: results and errors."""
    done = await asyncio.gather(*calls, return_exceptions=True)
    errors = [each for each in done if isinstance(each, Exception)]
    return [each for each in done if not isinstance(each, Exception)], errors


async def later(seconds: float, call: Any) -> Any:
    """What comes of a call that is made a little later."""
    await asyncio.sleep(seconds)
    return await call


async def test_of_many_runs_created_at_once_exactly_one_wins(
    async_client: AsyncOpenAI, ask: Ask, upstream: Upstream
) -> None:
    gate = upstream.hold("Hm")
    talk = ask()
    runs = async_client.beta.threads.runs
    won, lost = await settle(*(runs.create(**talk.ids) for _ in range(10)))
    assert len(won) == 1
    assert all(isinstance(each, openai.BadRequestError) for each in lost)
    assert {each.body["message"] for each in lost} == {
        f"Thread {talk.thread_id} already has an active run {won[0].id}."
    }
    assert talk.wire.sent("POST", "/runs") == 10
    gate.release()
    assert (await runs.poll(won[0].id, thread_id=talk.thread_id)).status == "completed"
    assert len(talk.client.beta.threads.runs.list(talk.thread_id).data) == 1


async def test_of_many_submissions_at_once_exactly_one_wins(
    async_client: AsyncOpenAI, ask: Ask, upstream: Upstream
) -> None:
    upstream.function("get_weather", {"city": "A"})
    talk = ask(tools=[weather()])
    run = talk.run()
    (call,) = run.required_action.submit_tool_outputs.tool_calls
    runs = async_client.beta.threads.runs
    won, lost = await settle(
        *(
            runs.submit_tool_outputs(
                run.id,
                thread_id=talk.thread_id,
                tool_outputs=[{"tool_call_id": call.id, "output": str(number)}],
            )
            for number in range(5)
        )
    )
    assert len(won) == 1
    assert all(isinstance(each, openai.BadRequestError) for each in lost)
    done = await runs.poll(run.id, thread_id=talk.thread_id)
    assert done.status == "completed"
    assert len(upstream.requests) == 2


async def test_a_cancel_and_a_submission_at_once_end_in_a_state_that_is_over(
    async_client: AsyncOpenAI, ask: Ask, upstream: Upstream
) -> None:
    runs = async_client.beta.threads.runs
    for pause in range(16):
        own = f"Number {pause}."  # a question of the run before may still be on its way
        upstream.function("get_weather", {"city": "A"}, when=own)
        talk = ask(own, tools=[weather()])
        run = talk.run()
        (call,) = run.required_action.submit_tool_outputs.tool_calls
        output = {"tool_call_id": call.id, "output": "sun"}
        await settle(
            later(pause % 4 * 0.001, runs.cancel(run.id, thread_id=talk.thread_id)),
            runs.submit_tool_outputs(
                run.id,
                thread_id=talk.thread_id,
                tool_outputs=[output],  # type: ignore[list-item]
            ),
        )
        await asyncio.to_thread(
            wait_until,
            lambda talk=talk, run=run: talk.get(run.id).status in {"cancelled", "completed"},
            "the end",
        )
        assert all(step.status != "in_progress" for step in talk.steps(run.id))
        upstream.clear()


async def test_many_cancels_at_once_are_one(
    async_client: AsyncOpenAI, ask: Ask, upstream: Upstream
) -> None:
    upstream.silence()
    talk = ask()
    run = talk.start()
    runs = async_client.beta.threads.runs
    won, lost = await settle(*(runs.cancel(run.id, thread_id=talk.thread_id) for _ in range(5)))
    assert [each.status for each in won] == ["cancelling"]
    assert all("Cannot cancel run with status 'cancel" in str(each) for each in lost)
    wait_until(lambda: talk.get(run.id).status == "cancelled", "the end")


async def test_runs_cancelled_at_any_moment_end_cancelled_or_completed(
    async_client: AsyncOpenAI, ask: Ask, upstream: Upstream
) -> None:
    runs = async_client.beta.threads.runs
    seen = set[str]()
    for pause in range(12):
        own = f"Number {pause}."  # as above
        upstream.code("print(1)", text="Let me see.", between=0.002, when=own)
        upstream.say("It", " is", " 1.", between=0.002, when=own)
        talk = ask(own)
        run = await runs.create(**talk.ids)
        await asyncio.sleep(pause * 0.01)
        await settle(runs.cancel(run.id, thread_id=talk.thread_id))
        await asyncio.to_thread(
            wait_until,
            lambda talk=talk, run=run: talk.get(run.id).status in {"cancelled", "completed"},
            "the end",
        )
        ended = talk.get(run.id)
        seen.add(ended.status)
        assert ended.expires_at is None
        assert ended.usage is not None
        assert all(step.status in {"completed", "cancelled"} for step in talk.steps(run.id))
        talk.say("Next.")
        upstream.clear()
    assert "cancelled" in seen


async def test_many_threads_run_at_once(
    async_client: AsyncOpenAI, ask: Ask, upstream: Upstream
) -> None:
    talk = ask()

    async def turn(number: int) -> None:
        upstream.code(f"print({number} * {number})", when=f"Number {number}.")
        upstream.say(f"It is {number}.", when=f"Number {number}.")
        run = await async_client.beta.threads.create_and_run_poll(
            assistant_id=talk.assistant_id,
            thread={"messages": [{"role": "user", "content": f"Number {number}."}]},
        )
        assert run.status == "completed"
        steps = await async_client.beta.threads.runs.steps.list(
            run.id, thread_id=run.thread_id, order="asc"
        )
        (call,) = steps.data[0].step_details.tool_calls  # type: ignore[union-attr]
        assert call.code_interpreter.outputs[0].logs == f"{number * number}\n"  # type: ignore[union-attr]

    await asyncio.gather(*(turn(number) for number in range(12)))


CROWD = 40


async def test_a_crowd_of_threads_runs_code_at_once_and_none_sees_anything_of_another(
    async_client: AsyncOpenAI,
) -> None:
    """More than may compute at once; `make bench` does it with two hundred."""
    threads = async_client.beta.threads
    assistant = await async_client.beta.assistants.create(
        model="direct", tools=[{"type": "code_interpreter"}]
    )

    async def say(thread_id: str, code: str) -> str:
        content = f"```python\n{code}\n```"
        await threads.messages.create(thread_id, role="user", content=content)
        run = await threads.runs.create_and_poll(thread_id=thread_id, assistant_id=assistant.id)
        assert run.status == "completed", run.last_error
        (answer,) = (await threads.messages.list(thread_id, run_id=run.id)).data
        return answer.content[0].text.value  # type: ignore[union-attr]

    async def talk(number: int) -> None:
        thread = await threads.create()
        write = f"x = {number}\nopen('/mnt/data/x', 'w').write(str(x))\nprint('x' in vars(), x)"
        assert (await say(thread.id, write)).startswith(f"True {number}\n")
        read = "import os\nprint(x, open('/mnt/data/x').read(), os.listdir('/mnt/data'))"
        assert await say(thread.id, read) == f"{number} {number} ['x']\n"
        await threads.delete(thread.id)

    await asyncio.gather(*(talk(number) for number in range(CROWD)))
