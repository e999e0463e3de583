"""Files: uploads and downloads beside `cp`, attached files, and what code wrote."""

import asyncio
import json
import os
import socket
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from assistd.db import projects
from assistd.engine.workspace.contents import Scope
from assistd.engine.workspace.storage import Harvest, Storage
from assistd.sandbox.base import Session, StoredFile, Tenant
from assistd.settings import Settings
from assistd.wiring import server as wiring
from assistd.wiring.sandbox import Assets
from bench.client import KEY
from bench.figures import Figure
from bench.options import Options, interpreter
from bench.rest import await_own_rest
from bench.servers import server, upstream

_BYTES = 512 << 20
_PIECE = 1 << 20
_BOUNDARY = b"d41d8cd98f00b204e9800998ecf8427e"  # as long as those of the SDKs
_FILES = 1000
_ATTACHED = 20
_WRITE = f"""
import os
os.makedirs("round", exist_ok=True)
for number in range({_FILES}):
    with open(f"round/{{number}}.txt", "w") as file:
        file.write(f"{{number}} {{os.urandom(8).hex()}}" * 20)
"""

Samples = dict[str, list[float]]
Keep = Callable[[], Awaitable[Harvest]]


def measure(options: Options) -> list[Figure]:
    """Measure how fast files come and go, on the disk of temporary files."""
    print("moving files")
    with tempfile.TemporaryDirectory() as folder:
        return _measure(Path(folder), interpreter(), options.transfers)


def _measure(folder: Path, python: Path, rounds: int) -> list[Figure]:
    big = folder / "big.bin"
    with big.open("wb") as file:
        for _ in range(_BYTES // _PIECE):
            file.write(os.urandom(_PIECE))
    samples: Samples = defaultdict(list)
    _transfers(folder, big, rounds, samples)
    asyncio.run(_sessions(folder / "sessions", big, python, rounds, samples))
    return _figures(samples)


def _transfers(folder: Path, big: Path, rounds: int, samples: Samples) -> None:
    """`cp` and upload, `cp` and download, in turn: within memory, then from and to the disk."""
    data_dir, copy = folder / "server", folder / "copy.bin"
    blobs = data_dir / "blobs" / "files"
    with upstream() as model, server(data_dir, model) as serving:
        ours, process = serving.url, psutil.Process(serving.pid)
        for _ in range(rounds):
            for settle in (False, True):
                kind = " disk" if settle else ""
                before = process.memory_info().rss
                _reset_peak(process.pid)
                samples["cp before upload" + kind].append(_copied(big, copy, settle))
                known = set(blobs.iterdir()) if blobs.exists() else set[Path]()
                found: list[str] = []
                taken = _timed(lambda found=found: found.append(_upload(ours, big)), big, settle)
                (blob,) = set(blobs.iterdir()) - known
                samples["upload" + kind].append(taken + (_synced(blob) if settle else 0))
                samples["cp before download" + kind].append(_copied(blob, copy, settle))
                taken = _timed(lambda found=found: _download(ours, found[0], copy), blob, settle)
                samples["download" + kind].append(taken + (_synced(copy) if settle else 0))
                samples["memory"].append((_peak(process.pid) - before) / 1e6)
                _delete(ours, found[0])
                copy.unlink()


def _copied(source: Path, target: Path, settle: bool) -> float:
    """Milliseconds of `cp`; the copy is removed, so that what comes next finds what it found."""
    taken = _timed(lambda: subprocess.run(["cp", source, target], check=True), source, settle)
    taken += _synced(target) if settle else 0
    target.unlink()
    return taken


def _timed(act: Callable[[], object], source: Path, settle: bool) -> float:
    """Milliseconds of `act`; with `settle`, of reading `source` from the disk, too."""
    if settle:
        _evict(source)
    began = time.perf_counter()
    act()
    return 1000 * (time.perf_counter() - began)


def _synced(path: Path) -> float:
    """Milliseconds until a file's bytes are on the disk."""
    began = time.perf_counter()
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return 1000 * (time.perf_counter() - began)


def _evict(path: Path) -> None:
    """Take a file out of the kernel's memory, but have its disk read it once.

    Whoever is the first to read from a virtual disk what was just written to it waits four times as long.
    """
    buffer = bytearray(_PIECE)
    with path.open("rb", 0) as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while file.readinto(buffer):
            pass
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _upload(url: str, path: Path) -> str:
    """Upload a file with the kernel's help, as curl would; the file's id."""
    head = (
        b'--%b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nvision\r\n'
        b'--%b\r\nContent-Disposition: form-data; name="file"; filename="big.bin"\r\n\r\n'
    ) % (_BOUNDARY, _BOUNDARY)
    tail = b"\r\n--%b--\r\n" % _BOUNDARY
    length = len(head) + path.stat().st_size + len(tail)
    headers = (
        f"Content-Type: multipart/form-data; boundary={_BOUNDARY.decode()}\r\n"
        f"Content-Length: {length}\r\n"
    )
    with _connected(url) as connection, path.open("rb") as file:
        connection.sendall(_request("POST", "/v1/files", headers) + head)
        connection.sendfile(file)
        connection.sendall(tail)
        _, body = _answer(connection)
        return json.loads(_whole(connection, body))["id"]


def _download(url: str, file_id: str, target: Path) -> None:
    buffer = memoryview(bytearray(_PIECE))
    with _connected(url) as connection, target.open("wb", 0) as file:
        connection.sendall(_request("GET", f"/v1/files/{file_id}/content", ""))
        _, rest = _answer(connection)
        left = _BYTES - file.write(rest)
        while left:
            count = connection.recv_into(buffer)
            assert count, "the download broke off"
            left -= file.write(buffer[:count])


def _delete(url: str, file_id: str) -> None:
    with _connected(url) as connection:
        connection.sendall(_request("DELETE", f"/v1/files/{file_id}", ""))
        _answer(connection)


def _connected(url: str) -> socket.socket:
    address = urlsplit(url)
    return socket.create_connection((address.hostname, address.port))


def _request(method: str, path: str, headers: str) -> bytes:
    first = f"{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {KEY}\r\n"
    return f"{first}{headers}Connection: close\r\n\r\n".encode()


def _answer(connection: socket.socket) -> tuple[bytes, bytes]:
    """The head of an answer, and what came with it."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(_PIECE)
    head, _, rest = data.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), data
    return head, rest


def _whole(connection: socket.socket, data: bytes) -> bytes:
    while more := connection.recv(_PIECE):
        data += more
    return data


def _reset_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")


def _peak(pid: int) -> int:
    """The most memory a process held since its peak was reset, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM"))


async def _sessions(data_dir: Path, big: Path, python: Path, rounds: int, samples: Samples) -> None:
    """Attach the file to live sessions, and keep what their code writes."""
    settings = Settings(
        data_dir=data_dir, upstream_base_url="http://127.0.0.1:9/v1", output_files=_FILES
    )
    wiring.prepare(settings)
    async with wiring.open_runners(settings, Assets(python, None)) as (runner, _):
        await await_own_rest()
        services = runner.services
        project = await services.database.run(projects.default)
        for number in range(rounds):
            session = await services.workspaces.sessions.open(f"bench-{number}", Tenant(project.id))
            await session.execute("print(1)")
            began = time.perf_counter()
            await session.put("big.bin", StoredFile(big), aliases=["file-big"])
            samples["attach"].append(1000 * (time.perf_counter() - began))
            storage = Storage(services.database, services.files, services.policy)
            harvest = partial(storage.harvest, Scope(f"bench-{number}", project.id), session)
            await _harvests(session, harvest, samples)
            await services.workspaces.close(f"bench-{number}")


async def _harvests(session: Session, harvest: Keep, samples: Samples) -> None:
    for number in range(_ATTACHED):
        await session.put(f"{number}.csv", _once(b"x,y\n1,2\n"), aliases=[f"file-{number}"])
    for _ in range(5):
        await session.execute("1 + 1")
        samples["nothing"].append(await _kept(harvest, 0))
    await session.execute(_WRITE)
    samples["thousand"].append(await _kept(harvest, _FILES))
    await session.execute("1 + 1")
    samples["nothing among a thousand"].append(await _kept(harvest, 0))


async def _kept(harvest: Keep, expected: int) -> float:
    """Milliseconds of a harvest of so many files."""
    began = time.perf_counter()
    kept = await harvest()
    taken = 1000 * (time.perf_counter() - began)
    assert len(kept.files) == expected, (len(kept.files), kept.notes)
    return taken


def _figures(samples: Samples) -> list[Figure]:
    def beside_cp(name: str, key: str, kind: str, goal: float | None) -> Figure:
        ours, theirs = tuple(samples[key + kind]), tuple(samples[f"cp before {key}{kind}"])
        return Figure(name, "ms", ours, theirs, ratio_goal=goal, paired=True)

    return [
        beside_cp("upload of 512 MB from the disk to the disk, beside cp", "upload", " disk", 0.7),
        beside_cp("download of it, likewise", "download", " disk", 0.7),
        beside_cp("upload of it within memory, beside cp", "upload", "", None),
        beside_cp("download of it within memory", "download", "", None),
        Figure("server's memory, grown by both", "MB", tuple(samples["memory"]), goal=64),
        Figure("512 MB attached to a live session", "ms", tuple(samples["attach"]), goal=10),
        Figure("harvest of 1,000 small files", "ms", tuple(samples["thousand"]), goal=300),
        Figure("harvest of a call that writes nothing", "ms", tuple(samples["nothing"]), goal=1),
        Figure(
            "the same, with 1,000 files there", "ms", tuple(samples["nothing among a thousand"])
        ),
    ]


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
