"""Broken frames, thrown at both ends of both channels: whoever gets them ends or answers, alone."""

import asyncio
import os
import random
import signal
import stat
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from assistd.errors import StartupError
from assistd.sandbox.guest.shared import wire
from assistd.sandbox.pool.pool import PoolSettings, SessionPool
from assistd.sandbox.session.session import GuestSession
from assistd.sandbox.zygote import client
from assistd.sandbox.zygote.client import Zygote
from tests.sandbox.rig import LIMITS, processes_below, processes_that_name

_FUZZ = """
import os, random, struct
luck = random.Random({seed})
for _ in range(luck.randint(1, 30)):
    kind = luck.choice([0, 1, 2, 3, 4, 15, 16, 17, 18, 19, 20, 21, 22, 23, 99, 255])
    payload = luck.randbytes(luck.choice([0, 1, 9, 300, 70_000]))
    length = luck.choice([len(payload)] * 3 + [0, len(payload) + 5, 2**32 - 1])
    os.write(3, struct.pack(">BII", kind, luck.choice([0, 1, 2, 3, 2**32 - 1]), length) + payload)
"""


@pytest.fixture(scope="module")
async def own(python: Path) -> AsyncGenerator[SessionPool]:
    """A pool whose zygote may be ruined."""
    made = SessionPool(python, PoolSettings(limits=LIMITS, warm=0))
    await made.start()
    yield made
    await made.close()


async def _claim(pool: SessionPool, key: str) -> GuestSession:
    session = await pool.open(key)
    assert isinstance(session, GuestSession)
    return session


@pytest.mark.parametrize("seed", range(8))
async def test_frames_of_a_session_harm_at_most_itself(own: SessionPool, seed: int) -> None:
    beside = await _claim(own, "beside")
    execution = await (await _claim(own, "a")).execute(_FUZZ.format(seed=seed), seconds=3)
    assert execution.status in {"ok", "error", "interrupted", "timeout", "dead"}
    assert (await beside.execute("1")).logs == "1"
    await own.drop("a")
    assert (await (await _claim(own, "a")).execute("2")).logs == "2"
    await own.drop("a")


@pytest.mark.parametrize("seed", range(8))
async def test_frames_to_a_session_harm_at_most_itself(own: SessionPool, seed: int) -> None:
    beside, session = await _claim(own, "beside"), await _claim(own, "a")
    luck = random.Random(seed)
    kinds = [
        wire.Kind.EXECUTE,
        wire.Kind.REHEARSE,
        wire.Kind.LINKED,
        wire.Kind.FLUSH,
        wire.Kind.DONE,
        0,
        77,
        255,
    ]
    for _ in range(luck.randint(1, 5)):
        payload = luck.randbytes(luck.choice([0, 5, 3000]))
        length = luck.choice([len(payload), len(payload) + 3])
        head = wire.HEADER.pack(luck.choice(kinds), luck.randint(0, 9), length)
        session._spawned.control.send(head + payload)
    session._spawned.control.send(luck.randbytes(500))
    execution = await session.execute("3", seconds=2)
    assert execution.status in {"ok", "error", "interrupted", "timeout", "dead"}
    assert (await beside.execute("1")).logs == "1"
    await own.drop("a")


@pytest.mark.parametrize(
    "packet",
    [b"\xff\xfe garbage", b"[]", b"{}", b'{"session": "x"}', b'{"session": 1}', b"7" * 60_000],
)
async def test_a_zygote_that_is_told_nonsense_is_replaced(own: SessionPool, packet: bytes) -> None:
    session = await _claim(own, "a")
    living = own._warm_pools.all[0].zygote
    assert living is not None
    living._channel.send(packet)
    async with asyncio.timeout(30):
        await asyncio.shield(living.ended)
    assert not session.alive
    again = await own.open("a")
    assert again.is_fresh
    assert (await again.execute("1")).logs == "1"
    await own.drop("a")
    await own.drop("beside")


@pytest.mark.parametrize(
    "packets",
    [
        ["garbage \\xff"],
        ["[1, 2]"],
        ['{"event": "ready"}'],
        ['{"event": "died", "session": 5, "code": 1}'],
        ['{"event": "spawned", "session": 1}'],
        ["[" * 5000],
    ],
)
async def test_a_zygote_that_says_nonsense_is_ended(tmp_path: Path, packets: list[str]) -> None:
    script = tmp_path / "python"
    body = f"for packet in {packets!r}: channel.send(packet.encode('latin-1'))"
    script.write_text(
        f"#!{sys.executable}\nimport socket, sys, time\n"
        f"channel = socket.socket(fileno=int(sys.argv[-1]))\n{body}\ntime.sleep(60)\n"
    )
    script.chmod(stat.S_IRWXU)
    with pytest.raises(StartupError, match="cannot start"):
        await Zygote.start(script, LIMITS, stage="jail")
    assert not processes_that_name(str(script))


async def test_a_zygote_that_hangs_is_replaced(
    own: SessionPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await own.open("a")
    living = own._warm_pools.all[0].zygote
    assert living is not None
    for pid in processes_below(living._process.pid):
        os.kill(pid, signal.SIGSTOP)
    monkeypatch.setattr(client, "_REPLY_SECONDS", 0.3)
    running = asyncio.create_task(own.open("b"))
    async with asyncio.timeout(30):
        await asyncio.shield(living.ended)
    monkeypatch.undo()
    assert (await (await running).execute("1")).logs == "1"
    assert (await own.open("a")).is_fresh
    for key in "ab":
        await own.drop(key)


async def test_closing_a_session_that_does_not_die_does_not_wait_for_ever(
    python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistd.sandbox.session.session._CLOSE_SECONDS", 0.2)
    pool = SessionPool(python, PoolSettings(limits=LIMITS, warm=0, control_groups=False))
    await pool.start()
    session = await _claim(pool, "a")
    inner = _stopped_zygote(pool)
    async with asyncio.timeout(30):
        await session.close()
    os.kill(inner, signal.SIGCONT)
    await pool.close()
    assert session._spawned.died.done()


def _stopped_zygote(pool: SessionPool) -> int:
    """Stop the zygote alone, so that it reports no death."""
    assert pool._warm_pools.all[0].zygote is not None
    outer = pool._warm_pools.all[0].zygote._process.pid
    children = Path(f"/proc/{outer}/task/{outer}/children").read_text().split()
    os.kill(int(children[0]), signal.SIGSTOP)
    return int(children[0])
