"""Load over HTTP: a live server, an instant scripted upstream, and a light client."""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from bench.client import Client
from bench.figures import Figure
from bench.options import Options
from bench.servers import idle_server, server, upstream
from bench.turns import QUESTION, make_assistant, take_turn

_PIECES = 200
_CODE = "print(6 * 7)"

Act = Callable[[Client], Awaitable[object]]


def measure(options: Options) -> list[Figure]:
    """Measure what a client waits for, how much a server bears, and what the client itself costs."""
    print("loading the API")
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder), options))


async def _measure(data_dir: Path, options: Options) -> list[Figure]:
    figures = await _turns(data_dir / "text", options.seconds)
    figures += await _code(data_dir / "code", options.seconds)
    figures += await _streams(data_dir / "streams")
    with idle_server() as url:
        bare = await load(url, lambda client: _drop(client.call("GET", "/")), 1, 1)
    name = "one request of this client to a server that does nothing"
    return [*figures, Figure(name, "ms", tuple(bare))]


async def _turns(data_dir: Path, seconds: float) -> list[Figure]:
    """Turns without code, then reads of what they left."""
    with upstream() as bare_url, server(data_dir, bare_url) as serving:
        url = serving.url
        async with Client.connect(url) as client:
            assistant = await make_assistant(client)
            thread = await _long_thread(client)

        def turn(client: Client) -> Awaitable[str]:
            return take_turn(client, assistant)

        await load(url, turn, 1, 1)  # warm up
        one = await load(url, turn, 1, seconds)
        eight = await load(url, turn, 8, seconds)
        path = f"/v1/threads/{thread}"
        get = await load(url, lambda client: _drop(client.call("GET", path)), 4, seconds)
        path_of_list = f"{path}/messages?limit=100"
        page = await load(url, lambda client: _drop(client.call("GET", path_of_list)), 4, seconds)
    return [
        Figure("full turn, 1 client", "ms", tuple(one), goal=15),
        Figure("full turns, 8 clients", "per second", (len(eight) / seconds,), goal=100),
        Figure("GET of one object", "per second", (len(get) / seconds,), goal=1500),
        Figure("list of 100 messages", "per second", (len(page) / seconds,), goal=300),
    ]


async def _code(data_dir: Path, seconds: float) -> list[Figure]:
    """Turns with one code call, each in a session of its own."""
    with upstream("--code", _CODE) as bare_url, server(data_dir, bare_url) as serving:
        url = serving.url
        async with Client.connect(url) as client:
            assistant = await make_assistant(client)

        async def turn(client: Client) -> None:
            thread = await take_turn(client, assistant)
            await client.call("DELETE", f"/v1/threads/{thread}")  # and with it the session

        await load(url, turn, 1, 1)
        one = await load(url, lambda client: take_turn(client, assistant), 1, seconds)
        eight = await load(url, turn, 8, seconds)
    return [
        Figure("full turn with code in a new session, 1 client", "ms", tuple(one), goal=50),
        Figure("the same, 8 clients", "per second", (len(eight) / seconds,), goal=30),
    ]


async def _streams(data_dir: Path) -> list[Figure]:
    """What a streamed answer takes longer than the bare upstream's own: one word, and many at once."""
    word, _ = await _added(data_dir, 1)
    first, each = await _added(data_dir, _PIECES)
    return [
        Figure("added to a stream's first token, of one", "ms", tuple(word), goal=3),
        Figure(f"added to the first of {_PIECES} that come at once", "ms", tuple(first), goal=3),
        Figure("added to each token", "ms", tuple(each), goal=0.5),
    ]


async def _added(data_dir: Path, pieces: int) -> tuple[list[float], list[float]]:
    """Milliseconds that were added to the first and to each token of answers of so many pieces."""
    first: list[float] = []
    each: list[float] = []
    with upstream("--pieces", str(pieces)) as bare_url, server(data_dir, bare_url) as serving:
        url = serving.url
        async with Client.connect(url) as client, Client.connect(bare_url) as bare:
            assistant = await make_assistant(client)
            for _ in range(40):
                thread = (await client.call("POST", "/v1/threads", QUESTION))["id"]
                path, run = f"/v1/threads/{thread}/runs", {"assistant_id": assistant}
                ours = await time_pieces(
                    client, path, {**run, "stream": True}, b'"delta":{"content"'
                )
                chat = {"model": "bench", "messages": QUESTION["messages"], "stream": True}
                theirs = await time_pieces(bare, "/v1/chat/completions", chat, b'"content":')
                assert min(len(ours), len(theirs)) >= pieces, (len(ours), len(theirs))
                first.append(ours[0] - theirs[0])
                each.append(((ours[-1] - ours[0]) - (theirs[-1] - theirs[0])) / pieces)
    return first, each


async def time_pieces(client: Client, path: str, body: object, sign: bytes) -> list[float]:
    """When each piece of text came, in ms after the request."""
    began = time.perf_counter()
    return [1000 * (at - began) async for at, data in client.events(path, body) if sign in data]


async def load(url: str, act: Act, clients: int, seconds: float) -> list[float]:
    """How many milliseconds each of the acts took that several clients did in that time."""
    ends = time.perf_counter() + seconds

    async def one() -> list[float]:
        samples: list[float] = []
        async with Client.connect(url) as client:
            while (began := time.perf_counter()) < ends:
                await act(client)
                samples.append(1000 * (time.perf_counter() - began))
        return samples

    found = await asyncio.gather(*(one() for _ in range(clients)))
    return [sample for samples in found for sample in samples]


async def _drop(result: Awaitable[Any]) -> None:
    await result


async def _long_thread(client: Client) -> str:
    thread = (await client.call("POST", "/v1/threads", {}))["id"]
    for _ in range(100):
        message = {"role": "user", "content": "Hello"}
        await client.call("POST", f"/v1/threads/{thread}/messages", message)
    return thread
