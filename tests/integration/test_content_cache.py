"""What a host keeps of the files its sessions were given: whose it is, that it is that, and how much."""

import asyncio
import errno
import os
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from blake3 import blake3

from assistd.ids import make_content_key
from assistd.sandbox.remote import content_cache
from assistd.sandbox.remote.content_cache import AbsentError, ContentCache
from assistd.sandbox.remote.fetching import Fetcher
from assistd.sandbox.stored_file import Content, StoredFile

DATA = bytes(range(256)) * 1000


def content(data: bytes, tenant: str = "proj_a") -> Content:
    return Content(make_content_key(tenant, blake3(data).hexdigest()), len(data))


class Source:
    """Bytes as they come, in pieces; knows how many were read."""

    def __init__(self, data: bytes, error: Exception | None = None) -> None:
        self._data = data
        self._error = error
        self.read = 0
        self.is_closed = False

    async def chunks(self) -> AsyncGenerator[bytes]:
        try:
            for at in range(0, len(self._data), 10_000):
                chunk = self._data[at : at + 10_000]
                self.read += len(chunk)
                yield chunk
            if self._error:
                raise self._error
        finally:
            self.is_closed = True


@pytest.fixture
def cache(tmp_path: Path) -> ContentCache:
    return ContentCache(tmp_path, 4 * len(DATA), Fetcher().fetch)


async def get(
    cache: ContentCache, wanted: Content, source: Source | None, tenant: str = "proj_a"
) -> tuple[bytes, bool]:
    """What a session is given, and whether it was kept before."""
    chunks = source and source.chunks()
    async with cache.holding(tenant, wanted, chunks) as (found, was_kept):
        return b"".join([chunk async for chunk in found]), was_kept


async def test_a_content_comes_once_for_a_tenant(cache: ContentCache, tmp_path: Path) -> None:
    assert await get(cache, content(DATA), Source(DATA)) == (DATA, False)
    never = Source(DATA)
    assert await get(cache, content(DATA), never) == (DATA, True)
    assert await get(cache, content(DATA), None) == (DATA, True)
    assert never.read == 0
    (kept,) = tmp_path.iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600


async def test_another_tenant_finds_nothing_of_it(cache: ContentCache) -> None:
    await get(cache, content(DATA), Source(DATA))
    for key in (content(DATA), content(DATA, "proj_b")):
        with pytest.raises(AbsentError):
            await get(cache, key, None, "proj_b")
    with pytest.raises(AbsentError, match="other bytes"):  # nor by the key of the first
        await get(cache, content(DATA), Source(DATA), "proj_b")
    assert await get(cache, content(DATA, "proj_b"), Source(DATA), "proj_b") == (DATA, False)


WRONG = {
    "other bytes": (DATA[:-1] + b"x", "other bytes"),
    "fewer bytes": (DATA[:-1], "fewer"),
    "no bytes": (b"", "fewer"),
    "more bytes": (DATA + b"x", "more"),
    "bytes without an end": (DATA * 50, "more"),
}


@pytest.mark.parametrize(("sent", "why"), WRONG.values(), ids=WRONG.keys())
@pytest.mark.parametrize("most", [0, 4 * len(DATA)], ids=["not kept", "kept"])
async def test_what_is_something_else_is_neither_given_nor_kept(
    tmp_path: Path, sent: bytes, why: str, most: int
) -> None:
    cache, source = ContentCache(tmp_path, most, Fetcher().fetch), Source(sent)
    with pytest.raises(AbsentError, match=why):
        await get(cache, content(DATA), source)
    assert source.is_closed
    assert source.read <= len(DATA) + 10_000
    assert list(tmp_path.iterdir()) == []
    assert cache._bytes == 0
    assert await get(cache, content(DATA), Source(DATA)) == (DATA, False)


async def test_one_that_breaks_off_leaves_nothing(cache: ContentCache, tmp_path: Path) -> None:
    with pytest.raises(AbsentError, match="gone"):
        await get(cache, content(DATA), Source(DATA, AbsentError("gone")))
    assert list(tmp_path.iterdir()) == []


async def test_who_is_cancelled_leaves_nothing_and_the_next_one_reads(
    cache: ContentCache, tmp_path: Path
) -> None:
    began = asyncio.Event()

    async def slowly() -> AsyncGenerator[bytes]:
        yield DATA[:1000]
        began.set()
        await asyncio.sleep(60)

    async def wait() -> None:
        async with cache.holding("proj_a", content(DATA), slowly()):
            pytest.fail("it never came")

    first = asyncio.create_task(wait())
    await began.wait()
    second = asyncio.create_task(get(cache, content(DATA), Source(DATA)))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == (DATA, False)
    assert len(list(tmp_path.iterdir())) == 1
    assert cache._bytes == len(DATA)


async def test_sessions_that_want_it_at_once_have_it_come_once(cache: ContentCache) -> None:
    sources = [Source(DATA) for _ in range(8)]
    found = await asyncio.gather(*(get(cache, content(DATA), each) for each in sources))
    assert [data for data, _ in found] == [DATA] * 8
    assert sum(each.read for each in sources) == len(DATA)


async def test_the_one_unused_for_longest_makes_room(cache: ContentCache, tmp_path: Path) -> None:
    datas = [bytes([number]) * len(DATA) for number in range(5)]
    for data in datas[:4]:
        await get(cache, content(data), Source(data))
    await get(cache, content(datas[0]), None)
    await get(cache, content(datas[4]), Source(datas[4]))
    assert len(list(tmp_path.iterdir())) == 4
    await get(cache, content(datas[0]), None)
    with pytest.raises(AbsentError):
        await get(cache, content(datas[1]), None)


async def test_what_sessions_show_is_counted_and_stays(cache: ContentCache, tmp_path: Path) -> None:
    shown = tmp_path.with_name("shown")
    shown.mkdir()
    datas = [bytes([number]) * len(DATA) for number in range(5)]
    for number, data in enumerate(datas[:4]):
        async with cache.holding("proj_a", content(data), Source(data).chunks()) as (found, _):
            assert isinstance(found, StoredFile)
            os.link(found.path, shown / str(number))
    async with cache.holding("proj_a", content(datas[4]), Source(datas[4]).chunks()) as (found, _):
        assert not isinstance(found, StoredFile), "nothing can be freed for it"
        assert b"".join([chunk async for chunk in found]) == datas[4]
    assert len(list(tmp_path.iterdir())) == 4
    (shown / "2").unlink()
    assert await get(cache, content(datas[4]), Source(datas[4])) == (datas[4], False)
    assert await get(cache, content(datas[4]), None) == (datas[4], True)
    assert len(list(tmp_path.iterdir())) == 4


async def test_one_larger_than_all_of_it_is_given_as_it_comes(tmp_path: Path) -> None:
    cache = ContentCache(tmp_path, 1000, Fetcher().fetch)
    assert await get(cache, content(DATA), Source(DATA)) == (DATA, False)
    assert list(tmp_path.iterdir()) == []


async def test_a_full_disk_keeps_nothing_and_gives_it_as_it_comes(
    cache: ContentCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(content_cache.os, "posix_fallocate", refuse)
        assert await get(cache, content(DATA), Source(DATA)) == (DATA, False)
    usage = content_cache.shutil.disk_usage(tmp_path)
    with monkeypatch.context() as patched:
        nearly = usage._replace(free=(1 << 30) + len(DATA) - 1, total=1 << 40)
        patched.setattr(content_cache.shutil, "disk_usage", lambda _: nearly)
        assert await get(cache, content(DATA), Source(DATA)) == (DATA, False)
    assert list(tmp_path.iterdir()) == []
    assert cache._bytes == 0


async def test_a_disk_that_fails_meanwhile_is_told(
    cache: ContentCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(content_cache, "_write_all", fail)
    with pytest.raises(AbsentError, match="Input/output error"):
        await get(cache, content(DATA), Source(DATA))
    assert list(tmp_path.iterdir()) == []


async def test_one_that_somebody_removed_or_cut_comes_again(
    cache: ContentCache, tmp_path: Path
) -> None:
    await get(cache, content(DATA), Source(DATA))
    (kept,) = tmp_path.iterdir()
    kept.unlink()
    assert await get(cache, content(DATA), Source(DATA)) == (DATA, False)
    (kept,) = tmp_path.iterdir()
    os.truncate(kept, 5)
    assert await get(cache, content(DATA), Source(DATA)) == (DATA, False)


async def test_an_empty_one(cache: ContentCache) -> None:
    assert await get(cache, content(b""), Source(b"")) == (b"", False)
    assert await get(cache, content(b""), None) == (b"", True)
