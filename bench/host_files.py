"""A large stored file into a session on another machine: sent by the API, fetched from the bucket, kept from before."""

import os
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import uvloop
from blake3 import blake3
from obstore.store import from_url
from rich.progress import track
from tests.live.backends import S3

from assistd import metrics
from assistd.files.blobs import RemoteBlobs
from assistd.ids import make_content_key
from assistd.sandbox.base import Sessions, Tenant
from assistd.sandbox.stored_file import Content, StoredObject
from bench.figures import Figure
from bench.hosts import by_link
from bench.networks import linked_places
from bench.options import Options
from bench.rest import await_own_rest

_BYTES = 100_000_000
_ID = "large"
_WAYS = ("server", "store", "kept")
_NAMES = {"store": "fetched by the host", "kept": "kept there from before"}
_LEAST = {"store": 1.0, "kept": 10.0}  # times as fast as sent by the API


def measure(options: Options) -> list[Figure]:
    """Measure the three ways in turn."""
    return uvloop.run(_measure(options.rounds))


async def _measure(rounds: int) -> list[Figure]:
    wall: dict[str, list[float]] = defaultdict(list)
    processor: dict[str, list[float]] = defaultdict(list)
    data = os.urandom(_BYTES)
    async with _bucket_and_host() as (bucket, sessions):
        await bucket.put_all({_ID: data})
        await await_own_rest()
        for number in track(range(rounds), "a file to a host"):
            for way in _WAYS:
                tenant = Tenant(f"{number}-{'store' if way == 'kept' else way}")
                key = make_content_key(tenant.id, blake3(data).hexdigest())
                sign = _sign_nothing if way == "server" else partial(bucket.sign, _ID)
                source = StoredObject(Content(key, _BYTES), sign, partial(bucket.read, _ID))
                await _put(sessions, tenant, source, way, wall[way], processor[way])
    return [_compare(wall, way, "100 MB to a host") for way in _NAMES] + [
        _compare(processor, way, "the API's processor for that") for way in _NAMES
    ]


def _compare(taken: dict[str, list[float]], way: str, name: str) -> Figure:
    ours, theirs = tuple(taken[way]), tuple(taken["server"])
    return Figure(f"{name}, {_NAMES[way]}", "ms", ours, theirs, ratio_goal=_LEAST[way], paired=True)


async def _put(
    sessions: Sessions,
    tenant: Tenant,
    source: StoredObject,
    way: str,
    wall: list[float],
    processor: list[float],
) -> None:
    """Put a file into a new session; note how long that took, and how much of this process."""
    key = f"{tenant.id}-{way}"
    session = await sessions.open(key, tenant)
    await session.execute("print(1)")
    before = metrics.FILES_TO_HOSTS.of(way).value
    began, used = time.perf_counter(), time.process_time()
    await session.put("in.bin", source)
    wall.append(1000 * (time.perf_counter() - began))
    processor.append(1000 * (time.process_time() - used))
    assert metrics.FILES_TO_HOSTS.of(way).value == before + 1, f"it did not come by `{way}`"
    done = await session.execute("import os; print(os.path.getsize('in.bin'))")
    assert done.logs == f"{_BYTES}\n", done
    await sessions.drop(key)


async def _sign_nothing() -> None:
    return None


@asynccontextmanager
async def _bucket_and_host() -> AsyncGenerator[tuple[RemoteBlobs, Sessions]]:
    """A bucket, and sessions of a host that joined, on a link of its own where that can be had."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="host-")))
        (place,) = stack.enter_context(linked_places(1))
        s3 = S3(place.api)
        stack.callback(s3.stop)
        os.environ.update(s3.environment)
        fleet = await stack.enter_async_context(by_link(folder, None, place, warm=1))
        await fleet.start()
        yield RemoteBlobs(from_url(s3.new_bucket())), fleet
