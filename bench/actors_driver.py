"""Run by an interpreter that has Ray: an actor on the one node with the resource `host`, which has the same sessions.

Reads lines of JSON, `[what, key, code]`; prints for each how many milliseconds that took.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import ray

from assistd.sandbox.base import Execution, Output, Session
from assistd.sandbox.pool.pool import PoolSettings, SessionPool


@ray.remote(num_cpus=0, resources={"host": 1}, max_concurrency=100)
class Node:
    """The sessions of a node."""

    async def start(self, python: str) -> None:
        """Begin to have sessions, one of them warm."""
        self._pool = SessionPool(Path(python), PoolSettings(warm=1))
        self._sessions: dict[str, Session] = {}
        await self._pool.start()

    async def open(self, key: str) -> None:
        """Open a session."""
        self._sessions[key] = await self._pool.open(key)

    async def execute(self, key: str, code: str) -> Execution:
        """Run a cell."""
        return await self._sessions[key].execute(code)

    async def stream(self, key: str, code: str) -> AsyncGenerator[Output]:
        """Run a cell, and yield what it shows as it comes."""
        shown: asyncio.Queue[Output | None] = asyncio.Queue()

        async def execute() -> None:
            await self._sessions[key].execute(code, on_output=shown.put_nowait)
            shown.put_nowait(None)

        running = asyncio.create_task(execute())
        while (output := await shown.get()) is not None:
            yield output
        await running

    async def drop(self, key: str) -> None:
        """End a session."""
        await self._pool.drop(key)


async def serve(address: str, node_ip: str, python: str) -> None:
    """Do what lines of standard input ask for."""
    ray.init(address=address, _node_ip_address=node_ip, log_to_driver=False)
    node: Any = Node.remote()
    await node.start.remote(python)
    print("ready", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        what, key, code = json.loads(line)
        began = time.perf_counter()
        await _do(node, what, key, code)
        print(1000 * (time.perf_counter() - began), flush=True)


async def _do(node: Any, what: str, key: str, code: str) -> None:
    match what:
        case "open":
            await node.open.remote(key)
            await node.execute.remote(key, code)
        case "execute":
            await node.execute.remote(key, code)
        case "stream":
            async for each in node.stream.options(num_returns="streaming").remote(key, code):
                await each
        case _:
            await node.drop.remote(key)


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))
