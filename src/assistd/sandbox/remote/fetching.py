"""Fetches contents of stored files by URLs that servers sign, straight from the blob store to this host."""

import asyncio
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass

import aiohttp
from yarl import URL

from assistd.sandbox.remote.content_cache import AbsentError
from assistd.units import MIB

_CHUNK_BYTES = MIB
_MOST_URL_LENGTH = 16 << 10
_CONNECT_SECONDS = 3.0  # with what it takes to find the address of a name
_SILENT_SECONDS = 10.0
_WHOLE_SECONDS = 30.0  # beside what a slow link takes
_LEAST_BYTES_A_SECOND = MIB // 2
_UNREACHED_SECONDS = (
    30.0,
    600.0,
)  # until a store that cannot be reached is tried again: first, at most


@dataclass(frozen=True, slots=True)
class _Unreached:
    """A store that could not be reached: until when it is left alone, and for how long that is."""

    until: float
    seconds: float


class Fetcher:
    """Gets one object by one URL: nothing else is sent, no redirect followed, no proxy asked."""

    def __init__(self) -> None:
        self._client: aiohttp.ClientSession | None = None
        self._unreached: dict[str, _Unreached] = {}  # by the origin of a store

    async def fetch(self, url: str, size: int) -> AsyncGenerator[bytes]:
        """Yield the bytes of an object, in chunks of about a megabyte.

        Args:
            url: of the object.
            size: how many bytes it has; no more are read.

        Raises:
            AbsentError: it cannot be had there. The message names no part of the URL, which is a secret.
        """
        target = _parse(url)
        origin = str(target.origin())
        unreached = self._unreached.get(origin)
        if unreached is not None and time.monotonic() < unreached.until:
            raise AbsentError("the blob store cannot be reached from there")
        seconds = _WHOLE_SECONDS + size / _LEAST_BYTES_A_SECOND
        try:
            async with self._open_client().get(
                target, allow_redirects=False, timeout=_limit(seconds)
            ) as response:
                self._unreached.pop(origin, None)
                if response.status != 200:
                    raise AbsentError(f"the blob store answered {response.status}")
                async for chunk in _read(response.content, size):
                    yield chunk
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            self._note_unreached(origin)
            reason = f"the blob store cannot be reached from there ({type(error).__name__})"
            raise AbsentError(reason) from error
        except (aiohttp.ClientError, asyncio.IncompleteReadError, TimeoutError, OSError) as error:
            raise AbsentError(f"the blob store broke off ({type(error).__name__})") from error

    def _note_unreached(self, origin: str) -> None:
        """Leave a store alone for a while, each time for longer: a firewall has every file wait for nothing."""
        first, most = _UNREACHED_SECONDS
        known, now = self._unreached.get(origin), time.monotonic()
        if known is not None and now < known.until:
            return  # another file waited for the same
        seconds = first if known is None else min(2 * known.seconds, most)
        self._unreached[origin] = _Unreached(now + seconds, seconds)

    async def close(self) -> None:
        """Close every connection."""
        if self._client is not None:
            await self._client.close()

    def _open_client(self) -> aiohttp.ClientSession:
        if self._client is None:
            self._client = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"Accept-Encoding": "identity", "User-Agent": "assistd-host"},
                auto_decompress=False,
                read_bufsize=_CHUNK_BYTES,
            )
        return self._client


def _parse(url: str) -> URL:
    """Return a URL that may be fetched.

    Raises:
        AbsentError: it is none of a blob store.
    """
    if len(url) > _MOST_URL_LENGTH:
        raise AbsentError("its URL is too long")
    try:
        found = URL(url, encoded=True)  # as it was signed
        is_fit = found.scheme in {"http", "https"} and bool(found.host and found.port)
    except ValueError:
        raise AbsentError("its URL is none") from None
    if not is_fit or found.user is not None or found.password is not None:
        raise AbsentError("its URL is none of a blob store")
    return found


def _limit(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=seconds, connect=_CONNECT_SECONDS, sock_read=_SILENT_SECONDS)


async def _read(body: aiohttp.StreamReader, size: int) -> AsyncGenerator[bytes]:
    """Yield what comes, and at most a byte more than `size`."""
    left = size
    while left:
        chunk = await body.readexactly(min(left, _CHUNK_BYTES))
        left -= len(chunk)
        yield chunk
    if surplus := await body.read(1):
        yield surplus
