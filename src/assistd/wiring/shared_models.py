"""The built-in models of a server with workers: one process has them, and the workers ask it.

The language model takes up to 2 GB of memory and all cores, the embedding model 44 MiB and as many cores: one of each
is enough for a machine. A question is one connection to a socket that only this user can open: a line of JSON there, and a line of
JSON back, behind which vectors stand as they are.
"""

import asyncio
import json
import socket
from asyncio import StreamReader, StreamWriter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

from assistd.errors import AssistdError
from assistd.models.local.server import CONTEXT_TOKENS, LocalServer
from assistd.search.embedding.builtin import BuiltinEmbedder
from assistd.wiring.signals import catch_end_signals

_MOST_BYTES = 64 << 20  # of a question; a batch of texts to embed is far below it
_TRIES = 2


async def share_models(listener: socket.socket, weights: Path | None) -> None:
    """Answer the workers until SIGTERM comes; each model starts when it is first needed.

    Args:
        listener: where workers connect.
        weights: the language model's file; None where there is none.
    """
    local = LocalServer(weights) if weights else None
    embedder = BuiltinEmbedder()
    ended = catch_end_signals()

    async def converse(reader: StreamReader, writer: StreamWriter) -> None:
        try:
            question = json.loads(await reader.readline())
            head, body = await _reply(question, local, embedder)
            writer.write(json.dumps(head).encode() + b"\n" + body)
            await writer.drain()
        except (ConnectionError, ValueError, asyncio.CancelledError):
            pass  # who asked is gone, or this process ends
        finally:
            writer.close()

    server = await asyncio.start_unix_server(converse, sock=listener, limit=_MOST_BYTES)
    try:
        await ended.wait()
    finally:
        server.close()
        await embedder.close()
        if local:
            await local.close()


async def _reply(
    question: dict[str, Any], local: LocalServer | None, embedder: BuiltinEmbedder
) -> tuple[dict[str, Any], bytes]:
    try:
        if "texts" in question:
            vectors = await embedder.embed(question["texts"], kind=question["kind"])
            body = b"".join(memoryview(vector).cast("B") for vector in vectors)  # type: ignore[call-overload]
            return {"bytes": len(body)}, body
        assert local  # else no worker would ask
        return {"url": await local.base_url(), "key": local.api_key}, b""
    except AssistdError as error:
        return {"error": str(error)}, b""


async def _ask(path: Path, question: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Return the answer, asked for a second time where the process died; while it starts, the socket waits.

    Raises:
        AssistdError: a model cannot be started, or the process died twice.
    """
    text = json.dumps(question).encode() + b"\n"
    for _ in range(_TRIES):
        try:
            reader, writer = await asyncio.open_unix_connection(path, limit=_MOST_BYTES)
            with closing(writer):
                writer.write(text)
                await writer.drain()
                head: dict[str, Any] = json.loads(await reader.readuntil())
                body = await reader.readexactly(head.get("bytes", 0))
        except (ConnectionError, asyncio.IncompleteReadError):
            continue
        if "error" in head:
            raise AssistdError(head["error"])
        return head, body
    raise AssistdError("The process of the built-in models died; it is started again.")


class SharedLocalServer:
    """The built-in language model, which another process has.

    Args:
        path: the socket of that process.
    """

    window = CONTEXT_TOKENS

    def __init__(self, path: Path) -> None:
        self.api_key = ""
        """What a request must carry; known when `base_url` has returned."""
        self._path = path

    async def base_url(self) -> str:
        """Return its address, as `LocalServer` does."""
        head, _ = await _ask(self._path, {"model": "local"})
        self.api_key = head["key"]
        return head["url"]

    async def close(self) -> None:
        """Do nothing: it is the other process's to close."""


class SharedEmbedder(BuiltinEmbedder):
    """The built-in embedding model, which another process has.

    Args:
        path: the socket of that process.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    async def embed(
        self, texts: Sequence[str], *, kind: Literal["passage", "query"]
    ) -> list[Sequence[float]]:
        """Return a vector of unit length for each text.

        Raises:
            AssistdError: the model does not start, or its process died twice.
        """
        if not texts:
            return []
        _, body = await _ask(self._path, {"texts": list(texts), "kind": kind})
        vectors = memoryview(body).cast("f")
        return [
            vectors[at : at + self.dimensions] for at in range(0, len(vectors), self.dimensions)
        ]
