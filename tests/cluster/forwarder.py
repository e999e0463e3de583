"""Forwards connections to the first server behind it that takes them: a balancer, or the door of a store.

As a program: `python -m tests.cluster.forwarder PORT FILE`, where the file has the ports of the servers, all on the
loopback device. Whoever kills it breaks all connections through it, and leaves what is behind it alone.
"""

import asyncio
import contextlib
import itertools
import socket
import subprocess
import sys
from pathlib import Path

from tests.live import children
from tests.live.server import wait_until


class Forwarder:
    """The process that forwards.

    Args:
        path: a file of its own.
        *behind: the ports of the servers, which get connections in turn.
    """

    def __init__(self, path: Path, *behind: int) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._path = path
        self._process: subprocess.Popen[bytes] | None = None
        self.lead_to(*behind)

    def lead_to(self, *behind: int) -> None:
        """Lead connections that come from now on to these ports."""
        new = self._path.with_suffix(".new")
        new.write_text(" ".join(map(str, behind)))
        new.rename(self._path)

    def start(self) -> None:
        """Start it, and wait until it listens."""
        words = ["-m", "tests.cluster.forwarder", str(self.port), str(self._path)]
        self._process = children.start([sys.executable, *words])
        wait_until(self._listens, "the forwarder listens")

    def kill(self) -> None:
        """Break every connection, and take none until it is started again."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
            return True
        return False


async def _serve(port: int, path: Path) -> None:
    turns = itertools.count()
    tasks = set[object]()  # asyncio itself would forget them

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        tasks.add(task)
        try:
            await forward(reader, writer)
        finally:
            tasks.discard(task)

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind = [int(each) for each in path.read_text().split()]
        first = next(turns) % len(behind)
        for each in (*behind[first:], *behind[:first]):
            with contextlib.suppress(OSError):
                there = await asyncio.open_connection("127.0.0.1", each)
                await asyncio.gather(_copy(reader, there[1]), _copy(there[0], writer))
                return
        writer.transport.abort()  # as refused as it can be once it was taken

    server = await asyncio.start_server(take, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(1 << 16):
            target.write(data)
            await target.drain()
        target.write_eof()
    except OSError:
        target.transport.abort()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), Path(sys.argv[2])))
