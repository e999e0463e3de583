"""`assistd exec --json`: sessions for other programs, by one JSON object a line in and one a line out."""

import asyncio
import base64
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

from assistd import ids
from assistd.errors import AssistdError
from assistd.sandbox.base import Execution, Logs, Picture, Session, Sessions

_MAX_LINE = 64 << 20
_MAX_GET = 64 << 20

Json = dict[str, Any]


class LinesError(AssistdError):
    """A line asks for something that cannot be; answered with `{"ok": false, "error": ...}`."""


class LineService:
    """Carries out the operations of `assistd exec --json`.

    Args:
        sessions: where sessions come from: the same as the server's, with the same limits; this is
            told of their ends.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        sessions.on_closed = self._note_end
        self._opened: dict[str, Session | None] = {}  # by sid; None: it is over
        self._background: set[asyncio.Task[Execution]] = set()
        self._operations: dict[str, Callable[[Json], Awaitable[Json]]] = {
            "new": self._new,
            "exec": self._exec,
            "exec_bg": self._exec_bg,
            "put": self._put,
            "get": self._get,
            "list": self._list,
            "close": self._close,
        }

    async def serve(self, lines: AsyncIterator[str], write: Callable[[str], None]) -> None:
        """Carry out lines in order, until they end or one says `quit`."""
        async for line in lines:
            reply = await self._reply(line)
            write(json.dumps(reply))
            if reply.get("bye"):
                return

    async def _reply(self, line: str) -> Json:
        try:
            asked = _object(json.loads(line))
            if asked.get("op") == "quit":
                return {"ok": True, "bye": True}
            operation = self._operations.get(str(asked.get("op")))
            if operation is None:
                known = ", ".join([*self._operations, "quit"])
                raise LinesError(f"unknown op {asked.get('op')!r}; known: {known}")
            return {"ok": True, **await operation(asked)}
        except (ValueError, RecursionError) as error:
            return {"ok": False, "error": f"bad line: {error}"}
        except (AssistdError, OSError) as error:
            return {"ok": False, "error": str(error)}

    async def _new(self, _: Json) -> Json:
        sid = ids.new("sid")
        self._opened[sid] = await self._sessions.open(sid)
        return {"sid": sid}

    async def _exec(self, asked: Json) -> Json:
        session = self._session(asked)
        return _reply_of(await session.execute(_text(asked, "code"), seconds=_seconds(asked)))

    async def _exec_bg(self, asked: Json) -> Json:
        session = self._session(asked)
        running = session.execute(_text(asked, "code"), seconds=_seconds(asked))
        task = asyncio.create_task(running, name="exec_bg")
        self._background.add(task)  # the pool's end is its end; until then it must not be forgotten
        task.add_done_callback(self._background.discard)
        return {}

    async def _put(self, asked: Json) -> Json:
        session = self._session(asked)
        data = base64.b64decode(_text(asked, "b64"), validate=True)
        await session.put(_text(asked, "name"), _once(data))
        return {}

    async def _get(self, asked: Json) -> Json:
        session = self._session(asked)
        limit = asked.get("max", _MAX_GET)
        if not isinstance(limit, int) or limit < 0:
            raise LinesError("'max' must be a number of bytes")
        data = bytearray()
        async for chunk in session.read(_text(asked, "name")):
            data += chunk
            if len(data) > limit:
                raise LinesError(f"the file is larger than {limit} bytes")
        return {"b64": base64.b64encode(data).decode()}

    async def _list(self, asked: Json) -> Json:
        session = self._session(asked)
        return {"files": [[file.path, file.size] for file in await session.files()]}

    async def _close(self, asked: Json) -> Json:
        sid = self._sid(asked)
        del self._opened[sid]
        await self._sessions.drop(sid)
        return {}

    async def _note_end(self, sid: str, _: Session) -> None:
        if sid in self._opened:
            self._opened[sid] = None

    def _session(self, asked: Json) -> Session:
        """Return the session that a line names; one that died is not replaced, so that its end can be seen."""
        session = self._opened[self._sid(asked)]
        if session is None:
            raise LinesError("the session is over")
        return session

    def _sid(self, asked: Json) -> str:
        sid = _text(asked, "sid")
        if sid not in self._opened:
            raise LinesError(f"no session {sid!r}")
        return sid


async def stdin_lines() -> AsyncIterator[str]:
    """Yield the lines of standard input as they come."""
    reader = asyncio.StreamReader(limit=_MAX_LINE)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        if line.strip():
            yield line.decode("utf-8", "replace")


def _reply_of(execution: Execution) -> Json:
    texts: dict[str, str] = {}
    for output in execution.outputs:
        if isinstance(output, Logs):
            texts[output.name] = texts.get(output.name, "") + output.text
    pictures = [each.data for each in execution.outputs if isinstance(each, Picture)]
    return {
        "status": execution.status,
        "stdout": texts.get("stdout", ""),
        "stderr": texts.get("stderr", ""),
        "error": _block(texts.get("error")),
        "result": _block(texts.get("result")),
        "images": [base64.b64encode(data).decode() for data in pictures],
        "notes": list(execution.notes),
    }


def _block(text: str | None) -> str | None:
    """Strip the line ends that set a result or traceback off from the text around it."""
    return text.strip("\n") if text else text


def _object(value: object) -> Json:
    if not isinstance(value, dict):
        raise LinesError("a line must be a JSON object")
    return cast("Json", value)


def _text(asked: Json, name: str) -> str:
    value = asked.get(name)
    if not isinstance(value, str):
        raise LinesError(f"'{name}' must be a string")
    return value


def _seconds(asked: Json) -> float | None:
    value = asked.get("timeout")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 86_400:
        raise LinesError("'timeout' must be a number of seconds")
    return float(value)


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
