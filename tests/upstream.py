"""A scripted upstream: a real HTTP server that speaks `/v1/chat/completions`, as tests want it.

In a test::

    def test_it(upstream):
        upstream.say("Hello", " world")                    # one queued answer, in two pieces
        upstream.code("print(1)", text="Let me see.")      # text, then a call of the code tool
        upstream.function("get_weather", {"city": "Paris"})
        upstream.call(Code("x = 1"), Function("f", {}))    # parallel calls
        upstream.error(429, retry_after=0)
        upstream.break_off("Hel")                          # the connection dies after "Hel"
        gate = upstream.hold("Hel", "lo")                  # "Hel", then waits for gate.release()
        upstream.say("for Bob", when="I am Bob")           # only for a conversation whose last user message says so
        client.point_at(upstream.url)                      # http://127.0.0.1:PORT/v1
        assert upstream.requests[0].body["model"] == "gpt-4o"

A request takes the first queued answer whose `when` fits; with none, `upstream.default` answers.
As a program, for benchmarks: `python -m tests.upstream --port 0` prints its URL and serves until
it is terminated or its parent is gone.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

_USAGE = {
    "prompt_tokens": 20,
    "completion_tokens": 10,
    "total_tokens": 30,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 2},
}


class Gate:
    """Holds an answer open until a test lets it go."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        """Set when the answer waits here."""
        self._open = threading.Event()
        self._waiter: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self._lock = threading.Lock()

    def wait_reached(self, timeout: float = 10) -> None:
        """Wait until a request hangs at this gate."""
        assert self.reached.wait(timeout), "no request came to the gate"

    async def areached(self, timeout: float = 10) -> None:
        """Wait until a request hangs at this gate, from async code."""
        await asyncio.to_thread(self.wait_reached, timeout)

    def release(self) -> None:
        """Let the answer go on."""
        with self._lock:
            self._open.set()
            if self._waiter:
                loop, event = self._waiter
                loop.call_soon_threadsafe(event.set)

    async def _pass(self) -> None:
        event = asyncio.Event()
        with self._lock:
            self._waiter = (asyncio.get_running_loop(), event)
            if self._open.is_set():
                event.set()
        self.reached.set()
        await event.wait()


@dataclass(frozen=True)
class Code:
    """A call of the code tool; `arguments` overrides the JSON, as one string or as its pieces."""

    code: str = ""
    arguments: str | list[str] | None = None
    name: str | None = "python"
    id: str | None = None

    def pieces(self, count: int) -> list[str]:
        """The arguments as they are streamed."""
        text = json.dumps({"code": self.code}) if self.arguments is None else self.arguments
        return text if isinstance(text, list) else _split(text, count)


@dataclass(frozen=True)
class Function:
    """A call of a function; `arguments` is an object to be dumped, a string, or its pieces."""

    name: str | None
    arguments: Any = field(default_factory=dict)
    id: str | None = None

    def pieces(self, count: int) -> list[str]:
        """The arguments as they are streamed."""
        if isinstance(self.arguments, list):
            return self.arguments
        text = self.arguments
        return _split(text if isinstance(text, str) else json.dumps(text), count)


@dataclass(frozen=True)
class Wait:
    """A pause of so many seconds in an answer."""

    seconds: float


@dataclass(frozen=True)
class Raw:
    """Bytes as they are, in place of an event."""

    data: bytes


@dataclass(frozen=True)
class BreakOff:
    """The connection is reset here."""


@dataclass(frozen=True)
class Delta:
    """A `choices[0].delta` as given."""

    delta: dict[str, Any]


@dataclass(frozen=True)
class Finish:
    """The chunk with the finish_reason."""

    reason: str | None


@dataclass(frozen=True)
class Usage:
    """The last chunk, with the tokens; sent only to who asks with stream_options."""

    usage: dict[str, Any]
    always: bool = False


Step = Wait | Raw | BreakOff | Delta | Finish | Usage | Gate


@dataclass
class Answer:
    """One scripted answer to one request.

    Args:
        steps: what happens in the stream, in order.
        when: a text that the last user message must hold for this answer to be taken.
        status: the HTTP status; other than 200 sends `body` at once.
        headers: further response headers.
        body: a whole body in place of a stream.
        content_type: of the body or stream.
        done: whether `data: [DONE]` ends the stream.
        times: how often it is taken; None is forever.
    """

    steps: list[Step] = field(default_factory=list)
    when: str | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    content_type: str = "text/event-stream"
    done: bool = True
    times: int | None = 1

    def message(self) -> dict[str, Any]:
        """The answer as one message, for requests that do not stream."""
        content, reason, calls = "", "stop", dict[int, dict[str, Any]]()
        for step in self.steps:
            if isinstance(step, Finish):
                reason = step.reason or "stop"
            if not isinstance(step, Delta):
                continue
            content += step.delta.get("content") or ""
            for call in step.delta.get("tool_calls", []):
                known = calls.setdefault(
                    call.get("index", 0), {"type": "function", "function": {"arguments": ""}}
                )
                known["id"] = call.get("id") or known.get("id")
                known["function"]["name"] = call["function"].get("name") or known["function"].get(
                    "name"
                )
                known["function"]["arguments"] += call["function"].get("arguments", "")
        message: dict[str, Any] = {"role": "assistant", "content": content or None}
        if calls:
            message["tool_calls"] = list(calls.values())
        return {"index": 0, "message": message, "finish_reason": reason}


@dataclass
class Request:
    """A request the upstream got.

    Args:
        method: `POST`.
        path: `/v1/chat/completions`.
        headers: names in lower case.
        body: the parsed JSON.
        at: when it came, on `time.monotonic()`.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    at: float = field(default_factory=time.monotonic)
    _gone: threading.Event = field(default_factory=threading.Event)
    _finished: threading.Event = field(default_factory=threading.Event)

    @property
    def disconnected(self) -> bool:
        """Whether the client closed the connection before the answer was over."""
        return self._gone.is_set()

    def wait_disconnected(self, timeout: float = 5) -> bool:
        """Wait for the client to hang up; whether it did."""
        return self._gone.wait(timeout)

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


class Upstream:
    """The server, in a thread of its own; use it as a context manager or as the fixture `upstream`."""

    def __init__(self, port: int = 0) -> None:
        self.default: Callable[[Request], Answer] = lambda _: text_answer("Hello from upstream.")
        """Answers a request for which nothing is queued."""
        self.models = ["gpt-4o"]
        """What GET /v1/models lists."""
        self._port = port
        self._lock = threading.Lock()
        self._came = threading.Condition(self._lock)
        self._queue: list[Answer] = []
        self._requests: list[Request] = []
        self._gates: list[Gate] = []
        self._connections: set[_Connection] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="upstream", daemon=True)

    # Scripting

    def say(self, *pieces: str, finish: str | None = "stop", **options: Any) -> Answer:
        """Queue a text, streamed in these pieces; for `options` see `add`."""
        return self.add(text_answer(*pieces, finish=finish), **options)

    def code(self, code: str, *, text: str = "", pieces: int = 3, **options: Any) -> Answer:
        """Queue one call of the code tool, its arguments streamed in so many pieces."""
        return self.call(Code(code), text=text, pieces=pieces, **options)

    def function(self, name: str, arguments: Any, *, text: str = "", **options: Any) -> Answer:
        """Queue one call of a function with these arguments."""
        return self.call(Function(name, arguments), text=text, **options)

    def call(
        self,
        *calls: Code | Function,
        text: str = "",
        pieces: int = 3,
        interleaved: bool = False,
        finish: str | None = "tool_calls",
        **options: Any,
    ) -> Answer:
        """Queue several calls in one turn, one after the other or mixed up."""
        answer = call_answer(
            *calls, text=text, pieces=pieces, interleaved=interleaved, finish=finish
        )
        return self.add(answer, **options)

    def deltas(
        self, *deltas: dict[str, Any] | Step, finish: str | None = "stop", **options: Any
    ) -> Answer:
        """Queue a stream of `choices[0].delta` objects exactly as given, for odd upstreams."""
        steps = [Delta(step) if isinstance(step, dict) else step for step in deltas]
        return self.add(Answer([*steps, Finish(finish), Usage(_USAGE)]), **options)

    def error(
        self,
        status: int,
        message: str = "scripted error",
        *,
        retry_after: float | str | None = None,
        code: str | None = None,
        body: bytes | None = None,
        **options: Any,
    ) -> Answer:
        """Queue an HTTP error in OpenAI's shape (or with `body` as it is)."""
        error = {"error": {"message": message, "type": "scripted", "param": None, "code": code}}
        headers = {} if retry_after is None else {"retry-after": str(retry_after)}
        answer = Answer(
            status=status,
            headers=headers,
            body=json.dumps(error).encode() if body is None else body,
            content_type="application/json" if body is None else "text/html",
        )
        return self.add(answer, **options)

    def break_off(self, *pieces: str, **options: Any) -> Answer:
        """Queue a text whose connection is reset after these pieces; none: before any byte."""
        answer = text_answer(*pieces) if pieces else Answer()
        answer.steps = [*(s for s in answer.steps if isinstance(s, Delta)), BreakOff()]
        if not pieces:
            answer.status = 0
        return self.add(answer, **options)

    def end_early(self, *pieces: str, **options: Any) -> Answer:
        """Queue a text whose stream ends properly, but without a finish_reason."""
        answer = text_answer(*pieces)
        answer.steps = [step for step in answer.steps if isinstance(step, Delta)]
        answer.done = False
        return self.add(answer, **options)

    def hold(self, *pieces: str, after: int = 1, **options: Any) -> Gate:
        """Queue a text that stops behind its first `after` pieces until the gate is released."""
        gate = Gate()
        self._gates.append(gate)
        answer = text_answer(*pieces)
        # Behind the role chunk and `after` pieces, or at the end of what there is.
        place = min(after, len(pieces)) + 1
        answer.steps.insert(place, gate)
        self.add(answer, **options)
        return gate

    def silence(self, **options: Any) -> Gate:
        """Queue an answer that never sends a byte until the gate is released."""
        gate = Gate()
        self._gates.append(gate)
        self.add(Answer([gate, *text_answer("late").steps], status=-1), **options)
        return gate

    def garbage(self, data: bytes = b"data: {nonsense\n\n", **options: Any) -> Answer:
        """Queue a stream that begins well and goes on with these bytes."""
        return self.add(Answer([Delta({"content": "Hi"}), Raw(data)], done=False), **options)

    def body(self, data: bytes, content_type: str = "text/html", **options: Any) -> Answer:
        """Queue a 200 with a whole body in place of a stream."""
        return self.add(Answer(body=data, content_type=content_type), **options)

    def add(
        self,
        answer: Answer,
        *,
        when: str | None = None,
        delay: float = 0,
        between: float = 0,
        usage: dict[str, Any] | None = None,
        times: int | None = 1,
    ) -> Answer:
        """Queue an answer.

        Args:
            answer: what to answer.
            when: only to a conversation whose last user message holds this text.
            delay: seconds before the first byte of the stream's content.
            between: seconds between the pieces.
            usage: the usage object to report.
            times: how often it answers; None is forever.
        """
        answer.when = when or answer.when
        answer.times = times
        if between:
            answer.steps = [part for step in answer.steps for part in (step, Wait(between))]
        if delay:
            answer.steps.insert(0, Wait(delay))
        if usage is not None:
            answer.steps = [Usage(usage) if isinstance(s, Usage) else s for s in answer.steps]
        with self._lock:
            self._queue.append(answer)
        return answer

    def clear(self) -> None:
        """Forget what is queued and what was recorded."""
        with self._lock:
            self._queue.clear()
            self._requests.clear()

    # What happened

    @property
    def url(self) -> str:
        """The base URL, `http://127.0.0.1:PORT/v1`."""
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def requests(self) -> list[Request]:
        """The chat completion requests so far."""
        with self._lock:
            return list(self._requests)

    @property
    def last(self) -> Request:
        """The newest request."""
        return self.requests[-1]

    @property
    def pending(self) -> int:
        """How many queued answers wait to be asked for."""
        with self._lock:
            return len(self._queue)

    def wait_for_request(self, count: int = 1, timeout: float = 10) -> Request:
        """Wait until so many requests have come in all; the newest of them."""
        with self._came:
            came = self._came.wait_for(lambda: len(self._requests) >= count, timeout)
            assert came, f"{len(self._requests)} of {count} requests came within {timeout} s"
            return self._requests[count - 1]

    # Running

    def start(self) -> "Upstream":
        """Start to serve; the URL is known from now on."""
        self._thread.start()
        assert self._ready.wait(10), "the upstream did not start"
        return self

    def stop(self) -> None:
        """Stop, hanging up on everybody."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(10)

    def __enter__(self) -> "Upstream":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        server = await self._loop.create_server(lambda: _Connection(self), "127.0.0.1", self._port)
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stopping.wait()
        server.close()
        tasks = [connection.task for connection in self._connections if connection.task]
        for connection in list(self._connections):
            connection.close()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)

    def _take(self, request: Request) -> Answer:
        with self._came:
            self._requests.append(request)
            self._came.notify_all()
            for answer in self._queue:
                if answer.when is None or answer.when in request.last_user:
                    if answer.times is not None:
                        answer.times -= 1
                        if answer.times <= 0:
                            self._queue.remove(answer)
                    return answer
        return self.default(request)


def text_answer(*pieces: str, finish: str | None = "stop") -> Answer:
    """An answer of text."""
    steps: list[Step] = [Delta({"role": "assistant", "content": ""})]
    steps += [Delta({"content": piece}) for piece in pieces]
    return Answer([*steps, Finish(finish), Usage(_USAGE)])


def call_answer(
    *calls: Code | Function,
    text: str = "",
    pieces: int = 3,
    interleaved: bool = False,
    finish: str | None = "tool_calls",
) -> Answer:
    """An answer that calls tools."""
    steps: list[Step] = [Delta({"role": "assistant", "content": text or None})]
    streams: list[list[Step]] = []
    for index, call in enumerate(calls):
        head = {
            "index": index,
            "id": call.id or f"call_{index}_{time.monotonic_ns():x}",
            "type": "function",
        }
        opened = {**head, "function": {"name": call.name, "arguments": ""}}
        more = [{"index": index, "function": {"arguments": piece}} for piece in call.pieces(pieces)]
        streams.append([Delta({"tool_calls": [delta]}) for delta in (opened, *more)])
    if interleaved:
        longest = max(len(stream) for stream in streams)
        steps += [stream[i] for i in range(longest) for stream in streams if i < len(stream)]
    else:
        steps += [step for stream in streams for step in stream]
    return Answer([*steps, Finish(finish), Usage(_USAGE)])


class _Connection(asyncio.Protocol):
    """One HTTP/1.1 connection, kept alive; one request at a time."""

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self.task: asyncio.Task[None] | None = None
        self._input = b""
        self._request: Request | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.upstream._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.upstream._connections.discard(self)
        if self.task and self._request:
            self._request._gone.set()
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
        return Request(method, path, headers, body)

    async def _answer(self, request: Request) -> None:
        self._request = request
        path = request.path.partition("?")[0]
        if request.method == "POST" and path == "/v1/chat/completions":
            await self._complete(request, self.upstream._take(request))
        elif request.method == "GET" and path == "/v1/models":
            data = [{"id": name, "object": "model"} for name in self.upstream.models]
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
                "usage": _USAGE,
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
            await step._pass()

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
        more: dict[str, Any] = {
            "choices": [{"index": 0, "delta": step.delta, "finish_reason": None}]
        }
    elif isinstance(step, Finish):
        more = {"choices": [{"index": 0, "delta": {}, "finish_reason": step.reason}]}
    elif isinstance(step, Usage) and (wants_usage or step.always):
        more = {"choices": [], "usage": step.usage}
    else:
        return b""
    return b"data: " + json.dumps({**envelope, **more}).encode() + b"\n\n"


def _split(text: str, count: int) -> list[str]:
    size = max(1, -(-len(text) // max(1, count)))
    return [text[i : i + size] for i in range(0, len(text), size)]


@pytest.fixture(name="upstream")
def upstream_fixture() -> Iterator[Upstream]:
    with Upstream() as upstream:
        yield upstream


def _default(say: str, code: str | None) -> Callable[[Request], Answer]:
    def answer(request: Request) -> Answer:
        asked = bool(request.messages) and request.messages[-1].get("role") == "user"
        return call_answer(Code(code), pieces=1) if code and asked else text_answer(say)

    return answer


def main() -> None:
    """Serve until a signal comes or the parent is gone."""
    parser = argparse.ArgumentParser(description="A scripted, instant chat completions upstream.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--say", default="Hello from upstream.", help="the text it answers with")
    parser.add_argument("--code", help="Python to call for first, in every turn")
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    parent = os.getppid()
    with Upstream(options.port) as upstream:
        upstream.default = _default(options.say, options.code)
        print(upstream.url, flush=True)
        while os.getppid() == parent:
            time.sleep(0.5)


if __name__ == "__main__":
    main()
