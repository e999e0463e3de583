"""The second door beside the first: both of one server, in turn, so that each pair has the same machine."""

import asyncio
import contextlib
import json
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bench.api import load, time_pieces
from bench.client import Client
from bench.figures import Figure
from bench.options import Options
from bench.servers import Serving, server, upstream
from bench.turns import (
    QUESTION,
    delete_container,
    make_assistant,
    take_response,
    take_turn,
)

_CODE = "print(6 * 7)"
_PIECES = 200
_STORED_EVENTS = 1000
_WARMING = 5  # turns of each door
_SLICES = 4  # in how many parts each door is loaded
_PAUSE = "as told"  # between polls of the first door, in a crowd

Turn = Callable[[Client], Awaitable[Callable[[], Awaitable[object]]]]
"""Takes a turn; what it returns ends the session that the turn left, and is not timed."""


@dataclass(slots=True)
class _Pairs:
    """Samples of both doors, taken one just behind the other."""

    first: list[float] = field(default_factory=list[float])
    second: list[float] = field(default_factory=list[float])

    def add(self, first: float, second: float) -> None:
        """Add a pair."""
        self.first.append(first)
        self.second.append(second)

    def figure(self, name: str, unit: str, goal: float | None) -> Figure:
        """Return the figure; `goal` is by how many times the second door is to be better."""
        ours, theirs = tuple(self.second), tuple(self.first)
        return Figure(name, unit, ours, theirs, ratio_goal=goal, paired=True)


def measure(options: Options) -> list[Figure]:
    """Measure what clients of both doors wait for, and what a turn costs the server; the first door is beside."""
    print("the second door beside the first")
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder), options))


async def _measure(folder: Path, options: Options) -> list[Figure]:
    with upstream() as model, server(folder / "text", model) as serving:
        figures = await _turns(serving, "response without tools, by a turn", options.seconds, 1.5)
    with upstream("--code", _CODE) as model, server(folder / "code", model) as serving:
        name = "response with code in a new container, by a turn"
        figures += await _turns(serving, name, options.seconds, 1.1, code=True)
    figures += await _streams(folder / "streams")
    figures += await _replay(folder / "replay", options.seconds)
    with upstream("--code", _CODE) as model, server(folder / "crowd", model) as serving:
        figures += await _crowds(serving, options.runs)
    return figures


async def _turns(
    serving: Serving, name: str, seconds: float, goal: float, *, code: bool = False
) -> list[Figure]:
    """Turns of one client, one of each door after the other; then of eight, some seconds each."""
    async with Client.connect(serving.url) as client:
        first, second = _first_door(await make_assistant(client), code=code), _second_door(code)
        for turn in (first, second) * _WARMING:
            await _time(client, turn)
        one, spent, rates = _Pairs(), _Pairs(), _Pairs()
        ends = time.perf_counter() + 2 * seconds
        while time.perf_counter() < ends:
            one.add(await _time(client, first), await _time(client, second))

    async def rate(turn: Turn) -> tuple[float, float]:
        async def act(client: Client) -> None:
            await (await turn(client))()

        began, before = time.perf_counter(), _processor_seconds(serving)
        count = len(await load(serving.url, act, 8, seconds / _SLICES))
        took = time.perf_counter() - began  # to the last one's end, which may be much later
        return count / took, 1000 * (_processor_seconds(serving) - before) / count

    for _ in range(_SLICES):
        (slow, dear), (fast, cheap) = await rate(first), await rate(second)
        rates.add(slow, fast)
        spent.add(dear, cheap)
    return [
        one.figure(f"{name}, 1 client", "ms", 1.0),
        rates.figure(f"{name}, 8 clients", "per second", goal),
        spent.figure(f"{name}: the server's processor", "ms", None),
    ]


def _first_door(assistant: str, *, code: bool) -> Turn:
    async def turn(client: Client) -> Callable[[], Awaitable[object]]:
        thread = await take_turn(client, assistant)
        return lambda: client.call("DELETE", f"/v1/threads/{thread}") if code else _do_nothing()

    return turn


def _second_door(code: bool) -> Turn:
    async def turn(client: Client) -> Callable[[], Awaitable[object]]:
        response = await take_response(client, code=code)
        return lambda: delete_container(client, response) if code else _do_nothing()

    return turn


async def _do_nothing() -> None:
    """Do nothing."""


async def _time(client: Client, turn: Turn) -> float:
    """Milliseconds of a turn; the session that it left is ended behind it."""
    began = time.perf_counter()
    end = await turn(client)
    took = 1000 * (time.perf_counter() - began)
    await end()
    return took


async def _streams(folder: Path) -> list[Figure]:
    """What streams of both doors take longer than the bare upstream's own: of one word, and of many."""
    (word, _), (first, each) = await _added(folder, 1), await _added(folder, _PIECES)
    goals = 1 / 1.1, 1 / 1.5
    return [
        _beside("added to a stream's first token, of one, by the first door's", word, goals[0]),
        _beside(f"added to the first of {_PIECES} that come at once", first, goals[0]),
        _beside("added to each token", each, goals[1]),
    ]


def _beside(name: str, pairs: _Pairs, goal: float) -> Figure:
    """Return a figure of two differences, whose ratio is that of their medians: one pair's may be negative."""
    return Figure(name, "ms", tuple(pairs.second), tuple(pairs.first), ratio_goal=goal)


async def _added(folder: Path, pieces: int) -> tuple[_Pairs, _Pairs]:
    """Milliseconds that each door added to the first and to each token of answers of so many pieces."""
    first, each = _Pairs(), _Pairs()
    response = {"model": "bench", "input": "Hello", "stream": True}
    chat = {"model": "bench", "messages": QUESTION["messages"], "stream": True}
    with upstream("--pieces", str(pieces)) as bare_url, server(folder, bare_url) as serving:
        async with Client.connect(serving.url) as client, Client.connect(bare_url) as bare:
            run = {"assistant_id": await make_assistant(client), "stream": True}
            for _ in range(_WARMING + 40):
                theirs = await time_pieces(bare, "/v1/chat/completions", chat, b'"content":')
                thread = (await client.call("POST", "/v1/threads", QUESTION))["id"]
                path = f"/v1/threads/{thread}/runs"
                one = await time_pieces(client, path, run, b'"delta":{"content"')
                two = await time_pieces(client, "/v1/responses", response, b"output_text.delta")
                assert min(map(len, (theirs, one, two))) >= pieces, (len(theirs), len(one))
                first.add(one[0] - theirs[0], two[0] - theirs[0])
                took = [(times[-1] - times[0]) / pieces for times in (theirs, one, two)]
                each.add(took[1] - took[0], took[2] - took[0])
    for pairs in (first, each):
        del pairs.first[:_WARMING], pairs.second[:_WARMING]
    return first, each


async def _replay(folder: Path, seconds: float) -> list[Figure]:
    """A stored stream that is read again, by a GET of the same response."""
    asked = {"model": "bench", "input": "Hello", "stream": True, "background": True}
    again, get = list[float](), list[float]()
    with upstream("--pieces", str(_STORED_EVENTS)) as model, server(folder, model) as serving:
        async with Client.connect(serving.url) as client:
            told = [data async for _, data in client.events("/v1/responses", asked)]
            path = f"/v1/responses/{_id(told[0])}"
            ends = time.perf_counter() + seconds
            while time.perf_counter() < ends or len(get) < _WARMING:
                began = time.perf_counter()
                await client.call("GET", path)
                got = time.perf_counter()
                stream = await client.get_stream(f"{path}?stream=true")
                again.append(1000 * (time.perf_counter() - got))
                get.append(1000 * (got - began))
                assert all(data in stream for data in (told[0], told[-1]))
                assert stream.count(b"\ndata: ") == len(told)
    assert len(told) >= _STORED_EVENTS
    name = f"replay of {len(told)} stored events, by a GET of the response"
    return [Figure(name, "ms", tuple(again), tuple(get), ratio_goal=1 / 4, paired=True)]


async def _crowds(serving: Serving, count: int) -> list[Figure]:
    """Many turns with code at once, of each door in turn."""
    async with Client.connect(serving.url) as client:
        assistant = await make_assistant(client)
        second = _second_door(code=True)
        await _time(client, second)

    async def first(client: Client) -> Callable[[], Awaitable[object]]:
        thread = await take_turn(client, assistant, _PAUSE)
        return lambda: client.call("DELETE", f"/v1/threads/{thread}")

    rates, spent = _Pairs(), _Pairs()
    for _ in range(2):
        (slow, dear), (fast, cheap) = [
            await _crowd(serving, count, turn) for turn in (first, second)
        ]
        rates.add(slow, fast)
        spent.add(dear, cheap)
    name = f"{count} concurrent responses with code, all right, by runs"
    return [
        rates.figure(name, "per second", 1.0),
        spent.figure(f"{name}: the server's processor", "ms", None),
    ]


async def _crowd(serving: Serving, count: int, turn: Turn) -> tuple[float, float]:
    """How many of many turns that begin at once end in a second, and the server's processor for each in ms."""
    async with contextlib.AsyncExitStack() as connections:
        clients = [
            await connections.enter_async_context(Client.connect(serving.url)) for _ in range(count)
        ]
        began, before = time.perf_counter(), _processor_seconds(serving)
        ends = await asyncio.gather(*map(turn, clients))
        took, used = time.perf_counter() - began, _processor_seconds(serving) - before
        for end in ends:
            await end()
    return count / took, 1000 * used / count


def _processor_seconds(serving: Serving) -> float:
    times = psutil.Process(serving.pid).cpu_times()
    return times.user + times.system


def _id(created: bytes) -> str:
    return json.loads(created)["response"]["id"]
