"""Stored files in sessions of a host: fetched by the host from a bucket, kept for its project, and never changed."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from datetime import timedelta
from functools import partial

import obstore
import pytest
from blake3 import blake3
from obstore.store import ObjectStore, S3Store, from_url

from assistd import metrics
from assistd.files.blobs import RemoteBlobs
from assistd.ids import make_content_key, new
from assistd.sandbox.base import MIB, Limits, Session, Tenant
from assistd.sandbox.stored_file import Content, StoredObject
from tests.live.backends import S3
from tests.sandbox.hosted import HostedSessions
from tests.sandbox.rig import content as read

LIMITS = Limits(memory_bytes=300 * MIB, data_bytes=48 * MIB)
LARGE = bytes(range(256)) * (8 << 10)  # two MiB: linked, where the jail can
SMALL = b"a,b\n1,2\n"
DIGEST = "import hashlib; print(hashlib.sha256(open('in.bin','rb').read()).hexdigest()[:8])"


class Bucket:
    """A bucket whose files a test gives to sessions; it counts what is read of it through this process."""

    def __init__(self, store: ObjectStore) -> None:
        self.store = store
        self.sent = 0
        self.url: str | None = None  # instead of the one that is signed
        self.a, self.b = Tenant(new("proj")), Tenant(new("proj"))
        self._blobs = RemoteBlobs(store)

    async def keep(
        self, data: bytes, tenant: Tenant | None = None, told: bytes | None = None
    ) -> StoredObject:
        """Store a file of a project, `told` being what its key says it is."""
        id_ = new("blob")
        await self._blobs.put_all({id_: data})
        hash_ = blake3(data if told is None else told).hexdigest()
        content = Content(make_content_key((tenant or self.a).id, hash_), len(data))
        return StoredObject(content, partial(self._sign, id_), partial(self._read, id_))

    async def _sign(self, id_: str) -> str | None:
        return await self._blobs.sign(id_) if self.url is None else self.url

    async def _read(self, id_: str) -> AsyncGenerator[bytes]:
        async for chunk in self._blobs.read(id_):
            self.sent += len(chunk)
            yield chunk


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    started = S3()
    yield started
    started.stop()


@pytest.fixture
def bucket(s3: S3, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    return Bucket(from_url(s3.new_bucket()))


@pytest.fixture(scope="module")
async def sessions() -> AsyncGenerator[HostedSessions]:
    """Sessions of a real host, which keeps at most five MiB."""
    made = HostedSessions(LIMITS, 8, queue_seconds=5, settings={"content_cache_mib": 5})
    await made.start()
    yield made
    await made.close()


@pytest.fixture
async def sessions_of_its_own() -> AsyncGenerator[HostedSessions]:
    """Sessions of another real host, for a test alone."""
    made = HostedSessions(LIMITS, 2, queue_seconds=5)
    await made.start()
    yield made
    await made.close()


def ways() -> dict[str, int]:
    """How often files came to hosts in which way, as this process counts."""
    return {way: int(metrics.FILES_TO_HOSTS.of(way).value) for way in ("kept", "store", "server")}


class Counts:
    """How files came since it was made."""

    def __init__(self) -> None:
        self._before = ways()

    def __eq__(self, expected: object) -> bool:
        return {
            way: n - self._before[way] for way, n in ways().items() if n > self._before[way]
        } == expected

    def __repr__(self) -> str:
        return repr({way: n - self._before[way] for way, n in ways().items()})

    __hash__ = None  # pyright: ignore[reportAssignmentType]


async def run(session: Session, code: str) -> str:
    done = await session.execute(code)
    assert done.status == "ok", done
    return done.logs


@pytest.mark.parametrize("data", [LARGE, SMALL, b""], ids=["large", "small", "empty"])
async def test_a_host_fetches_a_file_once_for_a_project(
    sessions: HostedSessions, bucket: Bucket, data: bytes
) -> None:
    count = Counts()
    source = await bucket.keep(data)
    for key, expected in (("a1", {"store": 1}), ("a2", {"store": 1, "kept": 1})):
        session = await sessions.open(key, bucket.a)
        await session.put("in.bin", source, aliases=["file-1"])
        assert await run(session, "print(len(open('file-1','rb').read()))") == f"{len(data)}\n"
        assert await read(session, "in.bin") == data
        assert (await session.changes()).files == ()
        assert count == expected
        await sessions.drop(key)
    assert bucket.sent == 0, "no byte went through this process"


async def test_another_project_fetches_it_itself(sessions: HostedSessions, bucket: Bucket) -> None:
    hers = await bucket.keep(LARGE)
    await (await sessions.open("a", bucket.a)).put("in.bin", hers)
    count = Counts()
    session = await sessions.open("b", bucket.b)
    await session.put("in.bin", await bucket.keep(LARGE, bucket.b))
    assert count == {"store": 1}
    bucket.url = "http://127.0.0.1:9/nowhere"  # by the key of the other project, nothing is found
    with pytest.raises(OSError, match="Input/output error"):
        await session.put("stolen.bin", hers)
    assert [each.path for each in await session.files()] == ["in.bin"]
    await sessions.drop("a")
    await sessions.drop("b")


CHANGES = {
    "written over": "open('in.bin', 'r+b').write(b'changed')",
    "appended to": "open('in.bin', 'ab').write(b'more')",
    "cut": "import os; os.truncate('in.bin', 5)",
    "mapped": "import mmap; f = open('in.bin', 'r+b'); m = mmap.mmap(f.fileno(), 0); m[0:3] = b'abc'; m.flush()",
    "given other rights": "import os; os.chmod('in.bin', 0o777); open('in.bin', 'r+b').write(b'changed')",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
async def test_what_code_does_to_it_is_not_what_the_next_session_gets(
    sessions: HostedSessions, bucket: Bucket, change: str
) -> None:
    source = await bucket.keep(LARGE)
    first, second, third = [await sessions.open(f"change-{n}", bucket.a) for n in range(3)]
    await first.put("in.bin", source)
    await second.put("in.bin", source)
    await first.execute(f"{change}; None")
    await third.put("in.bin", source)
    for each in (second, third):
        assert await read(each, "in.bin") == LARGE
    for number in range(3):
        await sessions.drop(f"change-{number}")


async def test_a_file_that_cannot_be_fetched_goes_through_the_server(
    sessions: HostedSessions, bucket: Bucket
) -> None:
    bucket.url = "http://127.0.0.1:9/nowhere"
    source, count = await bucket.keep(LARGE), Counts()
    session = await sessions.open("fallback", bucket.a)
    await session.put("in.bin", source)
    assert (count, bucket.sent) == ({"server": 1}, len(LARGE))
    assert await read(session, "in.bin") == LARGE
    await sessions.drop("fallback")
    again = await sessions.open("fallback again", bucket.a)
    await again.put("in.bin", source)
    assert (count, bucket.sent) == ({"server": 1, "kept": 1}, len(LARGE)), (
        "it was kept all the same"
    )
    await sessions.drop("fallback again")


URLS = ("file:///etc/passwd", "http://user:word@127.0.0.1/x", "ftp://127.0.0.1/x", "nonsense")


@pytest.mark.parametrize("url", URLS)
async def test_a_hostile_url_brings_nothing_in(
    sessions: HostedSessions, bucket: Bucket, url: str
) -> None:
    bucket.url, source = url, await bucket.keep(SMALL)
    session, count = await sessions.open("hostile", bucket.a), Counts()
    await session.put("in.bin", source)
    assert await read(session, "in.bin") == SMALL
    assert count == {"server": 1}
    await sessions.drop("hostile")


async def test_a_url_that_leads_to_something_else_brings_nothing_in(
    sessions: HostedSessions, bucket: Bucket
) -> None:
    """Whatever answers there is no answer of the host's network that a session could read."""
    source, session = await bucket.keep(LARGE), await sessions.open("else", bucket.a)
    for number, other in enumerate((LARGE + b"x", LARGE, LARGE + b"..", b"")):
        await obstore.put_async(bucket.store, "other", other)
        assert isinstance(bucket.store, S3Store)
        bucket.url = await obstore.sign_async(bucket.store, "GET", "other", timedelta(minutes=1))
        before, count = bucket.sent, Counts()
        source = await bucket.keep(LARGE + bytes([number]))
        await session.put("in.bin", source)
        assert (count, bucket.sent - before) == ({"server": 1}, len(LARGE) + 1)
    await sessions.drop("else")


async def test_bytes_that_are_not_those_of_the_row_are_not_given(
    sessions: HostedSessions, bucket: Bucket
) -> None:
    """A blob that rotted, whoever carries it: the model is told, and nobody else gets it."""
    rotten = await bucket.keep(LARGE[:-1] + b"!", told=LARGE)
    session = await sessions.open("rotten", bucket.a)
    with pytest.raises(OSError, match="Input/output error"):
        await session.put("in.bin", rotten)
    assert await session.files() == ()
    await session.put("in.bin", await bucket.keep(LARGE))
    assert await read(session, "in.bin") == LARGE
    await sessions.drop("rotten")


async def test_a_content_without_room_is_put_all_the_same(
    sessions: HostedSessions, bucket: Bucket
) -> None:
    huge, count = LARGE * 3, Counts()
    session = await sessions.open("huge", bucket.a)
    for _ in range(2):
        await session.put("in.bin", await bucket.keep(huge))
    assert (count, bucket.sent) == ({"store": 2}, 0)
    assert await read(session, "in.bin") == huge
    await sessions.drop("huge")


async def test_a_session_without_room_says_so(sessions: HostedSessions, bucket: Bucket) -> None:
    session = await sessions.open("full", bucket.a)
    await run(session, "open('fill', 'wb').write(bytes(47 << 20)); None")
    with pytest.raises(OSError, match="No space left"):
        await session.put("in.bin", await bucket.keep(LARGE * 3))
    await sessions.drop("full")


async def test_nothing_is_left_on_the_disk(
    sessions_of_its_own: HostedSessions, bucket: Bucket
) -> None:
    sessions = sessions_of_its_own
    kept = sessions.host.folder / "contents"
    session = await sessions.open("a", bucket.a)
    await session.put("in.bin", await bucket.keep(LARGE))
    (own,) = kept.iterdir()
    assert len(list(own.iterdir())) == 1
    assert (kept.stat().st_mode | own.stat().st_mode) & 0o777 == 0o700
    sessions.kill()
    async with asyncio.timeout(20):
        while sessions.is_ready:  # until it is known that the host is gone
            await asyncio.sleep(0.01)
    sessions.run()
    await sessions.start()
    again, count = await sessions.open("b", bucket.a), Counts()
    (anew,) = kept.iterdir()
    assert (anew != own, list(anew.iterdir())) == (True, [])
    await again.put("in.bin", await bucket.keep(LARGE))
    assert count == {"store": 1}
    await sessions.close()
    assert not kept.exists()
