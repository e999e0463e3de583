"""The wire of the scripted upstream: HTTP/1.1 by hand, so that it can also be broken on purpose."""

import asyncio
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.upstream_answers import (
    USAGE,
    Answer,
    BreakOff,
    Delta,
    Finish,
    Gate,
    Raw,
    Step,
    Usage,
    Wait,
)

_ANSWERED = {"/v1/chat/completions", "/v1/completions", "/v1/embeddings"}


@dataclass
class Request:
    """A request the upstream got.

    Args:
        method: `POST`.
        path: `/v1/chat/completions`.
        headers: names in lower case.
        body: the parsed JSON.
        raw: the body as it came.
        at: when it came, on `time.monotonic()`.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    raw: bytes = b""
    at: float = field(default_factory=time.monotonic)
    gone: threading.Event = field(default_factory=threading.Event)

    @property
    def disconnected(self) -> bool:
        """Whether the client closed the connection before the answer was over."""
        return self.gone.is_set()

    def wait_disconnected(self, timeout: float = 30) -> bool:
        """Wait for the client to hang up; whether it did."""
        return self.gone.wait(timeout)

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The conversation that was sent."""
        return self.body.get("messages", [])

    @property
    def last_user(self) -> str:
        """The text of the last user message; pictures of a tool count with the message before."""
        texts: list[str] = []
        for message in reversed(self.messages):
            if message.get("role") != "user":
                continue
            content = message.get("content") or ""
            if isinstance(content, str):
                texts.append(content)
                break
            texts += [part.get("text", "") for part in content]
            if not any(part.get("type") == "image_url" for part in content):
                break
        return "\n".join(texts)


class Connection(asyncio.Protocol):
    """One HTTP/1.1 connection, kept alive; one request at a time."""

    def __init__(
        self, take: Callable[[Request], Answer], models: list[str], open_: "set[Connection]"
    ) -> None:
        self._take = take
        self._models = models
        self._open = open_
        self.task: asyncio.Task[None] | None = None
        self._input = b""
        self._request: Request | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._open.discard(self)
        if self.task and self._request:
            self._request.gone.set()
            self.task.cancel()

    def data_received(self, data: bytes) -> None:
        self._input += data
        self._next()

    def close(self) -> None:
        if self.task:
            self.task.cancel()
        self._transport.abort()

    def _next(self) -> None:
        if self.task or (request := self._parse()) is None:
            return
        self.task = asyncio.get_running_loop().create_task(self._answer(request))
        self.task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self.task = None
        if not task.cancelled():
            task.result()
        if not self._transport.is_closing():
            self._next()

    def _parse(self) -> Request | None:
        head, separator, rest = self._input.partition(b"\r\n\r\n")
        if not separator:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {
            k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)
        }
        length = int(headers.get("content-length", 0))
        if len(rest) < length:
            return None
        self._input = rest[length:]
        method, path, _ = first.split(" ", 2)
        body = json.loads(rest[:length]) if length else {}
        return Request(method, path, headers, body, rest[:length])

    async def _answer(self, request: Request) -> None:
        self._request = request
        path = request.path.partition("?")[0]
        if request.method == "POST" and path in _ANSWERED:
            await self._complete(request, self._take(request))
        elif request.method == "GET" and path == "/v1/models":
            data = [{"id": name, "object": "model"} for name in self._models]
            self._whole(200, json.dumps({"object": "list", "data": data}).encode())
        else:
            self._whole(404, b'{"error":{"message":"no such path","code":null}}')
        self._request = None

    async def _complete(self, request: Request, answer: Answer) -> None:
        if answer.body is not None or answer.status >= 400:
            for step in answer.steps:
                await self._pause(step)
            self._whole(answer.status, answer.body or b"", answer.content_type, answer.headers)
        elif request.body.get("stream") or answer.status <= 0:
            await self._stream(request, answer)
        else:
            for step in answer.steps:
                await self._pause(step)
            whole = {
                **_envelope(request, "chat.completion"),
                "choices": [answer.message()],
                "usage": USAGE,
            }
            self._whole(answer.status, json.dumps(whole).encode())

    async def _stream(self, request: Request, answer: Answer) -> None:
        silent = answer.status == -1
        if answer.status == 200:
            self._head(
                200,
                {
                    "content-type": answer.content_type,
                    "transfer-encoding": "chunked",
                    **answer.headers,
                },
            )
        envelope = _envelope(request, "chat.completion.chunk")
        wants_usage = bool((request.body.get("stream_options") or {}).get("include_usage"))
        for step in answer.steps:
            if isinstance(step, BreakOff):
                self._hang_up()
                return
            await self._pause(step)
            if silent and isinstance(step, Gate):
                self._head(
                    200, {"content-type": answer.content_type, "transfer-encoding": "chunked"}
                )
            data = _event(step, envelope, wants_usage)
            if data:
                self._chunk(data)
        if answer.done:
            self._chunk(b"data: [DONE]\n\n")
        self._transport.write(b"0\r\n\r\n")

    def _hang_up(self) -> None:
        self._request = None
        # What was written goes out first; the chunked body stays without its end.
        self._transport.close()

    async def _pause(self, step: Step) -> None:
        if isinstance(step, Wait):
            await asyncio.sleep(step.seconds)
        elif isinstance(step, Gate):
            await step.pass_through()

    def _head(self, status: int, headers: dict[str, str]) -> None:
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._transport.write(f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode())

    def _chunk(self, data: bytes) -> None:
        self._transport.write(b"%x\r\n%b\r\n" % (len(data), data))

    def _whole(
        self,
        status: int,
        body: bytes,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> None:
        self._head(
            status,
            {"content-type": content_type, "content-length": str(len(body)), **(headers or {})},
        )
        self._transport.write(body)


def _envelope(request: Request, kind: str) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": kind,
        "created": int(time.time()),
        "model": request.body.get("model"),
    }


def _event(step: Step, envelope: dict[str, Any], wants_usage: bool) -> bytes:
    if isinstance(step, Raw):
        return step.data
    if isinstance(step, Delta):
        choice: dict[str, Any] = {"index": 0, "delta": step.delta, "finish_reason": None}
        if step.logprobs is not None:
            choice["logprobs"] = {"content": step.logprobs}
        more: dict[str, Any] = {"choices": [choice]}
    elif isinstance(step, Finish):
        more = {"choices": [{"index": 0, "delta": {}, "finish_reason": step.reason}]}
    elif isinstance(step, Usage) and (wants_usage or step.always):
        more = {"choices": [], "usage": step.usage}
    else:
        return b""
    return b"data: " + json.dumps({**envelope, **more}).encode() + b"\n\n"
