"""A host that fetches a content by a URL: what it refuses, and what it makes of a store that fails."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from types import SimpleNamespace

import pytest
from aiohttp import web

from assistd.sandbox.remote import fetching
from assistd.sandbox.remote.content_cache import AbsentError
from assistd.sandbox.remote.fetching import Fetcher

DATA = bytes(range(256)) * 9000  # more than two chunks

Answer = Callable[[web.Request], web.StreamResponse | Awaitable[web.StreamResponse]]


class Store:
    """A server of HTTP that answers as a test says, and knows who asked for what."""

    def __init__(self) -> None:
        self.answer: Answer = lambda _: web.Response(body=DATA)
        self.asked: list[web.Request] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        answer = self.answer(request)
        return await answer if isinstance(answer, Awaitable) else answer


@pytest.fixture
async def store() -> AsyncGenerator[Store]:
    made = Store()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", made.handle)
    runner = web.AppRunner(application, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"{site.name}/bucket/key"
    yield made
    await runner.cleanup()


@pytest.fixture
async def fetcher() -> AsyncGenerator[Fetcher]:
    made = Fetcher()
    yield made
    await made.close()


async def fetch(fetcher: Fetcher, url: str, size: int = len(DATA)) -> bytes:
    return b"".join([chunk async for chunk in fetcher.fetch(url, size)])


async def test_an_object_is_fetched_as_its_url_was_signed(store: Store, fetcher: Fetcher) -> None:
    signed = "?X-Amz-Credential=a%2Fb%2Bc&X-Amz-Signature=%C3%A9+x"
    assert await fetch(fetcher, store.url + signed) == DATA
    (asked,) = store.asked
    assert (asked.method, asked.raw_path) == ("GET", f"/bucket/key{signed}")
    assert not {"Authorization", "Cookie", "Range"} & set(asked.headers)
    assert await fetch(fetcher, store.url) == DATA


HOSTILE = (
    "file:///etc/passwd",
    "ftp://127.0.0.1/x",
    "gopher://127.0.0.1/x",
    "unix:///run/x.sock",
    "http+unix://%2Frun%2Fx.sock/x",
    "//127.0.0.1/x",
    "/etc/passwd",
    "http://",
    "http://user@127.0.0.1/x",
    "http://user:word@127.0.0.1/x",
    "http://127.0.0.1:99999/x",
    "http://[::1/x",
    "javascript:alert(1)",
    "data:text/plain,x",
    "",
    "http://127.0.0.1/" + "x" * 20_000,
)


@pytest.mark.parametrize("url", HOSTILE, ids=lambda url: url[:30])
async def test_what_is_no_url_of_a_store_is_refused(fetcher: Fetcher, url: str) -> None:
    with pytest.raises(AbsentError, match="URL") as told:
        await fetch(fetcher, url)
    assert "127.0.0.1" not in str(told.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(store: Store, fetcher: Fetcher, status: int) -> None:
    there = {"Location": store.url + "/other"}
    store.answer = lambda _: web.Response(status=status, headers=there)
    with pytest.raises(AbsentError, match=str(status)):
        await fetch(fetcher, store.url)
    assert len(store.asked) == 1


@pytest.mark.parametrize("status", [206, 403, 404, 500, 503])
async def test_a_url_that_is_over_or_refused(store: Store, fetcher: Fetcher, status: int) -> None:
    store.answer = lambda _: web.Response(status=status, body=b"<Code>ExpiredToken</Code>")
    with pytest.raises(AbsentError, match=f"answered {status}") as told:
        await fetch(fetcher, store.url + "?X-Amz-Signature=secret")
    assert "secret" not in str(told.value)
    assert "Expired" not in str(told.value)


async def test_no_more_is_read_than_the_content_has(store: Store, fetcher: Fetcher) -> None:
    assert await fetch(fetcher, store.url, len(DATA) - 10) == DATA[:-9], "one byte shows it"
    store.answer = lambda _: web.Response(body=b"x")
    assert await fetch(fetcher, store.url, 0) == b"x"
    store.answer = lambda _: web.Response(body=b"")
    assert await fetch(fetcher, store.url, 0) == b""


async def test_an_object_that_is_too_short(store: Store, fetcher: Fetcher) -> None:
    with pytest.raises(AbsentError, match="broke off"):
        await fetch(fetcher, store.url, len(DATA) + 1)


async def test_what_is_packed_is_not_unpacked(store: Store, fetcher: Fetcher) -> None:
    """A small answer that unpacks to gigabytes takes no memory: its bytes are those that came."""
    packed = {"Content-Encoding": "gzip"}
    store.answer = lambda _: web.Response(body=DATA, headers=packed)
    assert await fetch(fetcher, store.url) == DATA


async def test_a_store_that_falls_silent(
    store: Store, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "_SILENT_SECONDS", 0.2)
    ended = asyncio.Event()

    async def stall(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(len(DATA))})
        await response.prepare(request)
        await response.write(DATA[:1000])
        await ended.wait()
        return response

    store.answer = stall
    async with asyncio.timeout(20):
        with pytest.raises(AbsentError, match=r"broke off \(SocketTimeoutError"):
            await fetch(fetcher, store.url)
    ended.set()


async def test_a_store_out_of_reach_is_left_alone_for_a_while(
    store: Store, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        gone = f"http://127.0.0.1:{nobody.getsockname()[1]}/x"
    with pytest.raises(AbsentError, match="cannot be reached"):
        await fetch(fetcher, gone)
    assert await fetch(fetcher, store.url) == DATA, "another store can be reached"
    with monkeypatch.context() as patched:
        patched.setattr(fetcher, "_open_client", lambda: pytest.fail("it was tried again"))
        with pytest.raises(AbsentError, match="cannot be reached"):
            await fetch(fetcher, gone)


async def test_a_store_that_stays_out_of_reach_is_tried_less_and_less(
    store: Store, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    gone, now, waits = f"http://127.0.0.1:{port}/x", 1000.0, list[float]()
    clock = SimpleNamespace(monotonic=lambda: now)  # the loop goes on by its own
    monkeypatch.setattr(fetching, "time", clock)
    for _ in range(7):
        failed = await asyncio.gather(
            *(fetch(fetcher, gone) for _ in range(3)), return_exceptions=True
        )
        assert all(isinstance(each, AbsentError) for each in failed)
        (unreached,) = fetcher._unreached.values()
        waits.append(unreached.until - now)
        now = unreached.until
    assert waits == [30, 60, 120, 240, 480, 600, 600]
    monkeypatch.undo()
    fetcher._unreached = {store.url.rpartition("/bucket")[0]: fetching._Unreached(0.0, 600.0)}
    await fetch(fetcher, store.url)
    assert fetcher._unreached == {}


async def test_a_name_that_leads_nowhere(fetcher: Fetcher) -> None:
    with pytest.raises(AbsentError, match="cannot be reached"):
        await fetch(fetcher, "http://no-such-host.invalid/x")
