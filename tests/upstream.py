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
from typing import Any

import pytest

from tests.upstream_answers import (
    USAGE,
    Answer,
    BreakOff,
    Code,
    Delta,
    Finish,
    Function,
    Gate,
    Raw,
    Step,
    Usage,
    Wait,
    call_answer,
    text_answer,
)
from tests.upstream_wire import Connection, Request

__all__ = [
    "Answer",
    "BreakOff",
    "Code",
    "Delta",
    "Finish",
    "Function",
    "Gate",
    "Raw",
    "Request",
    "Step",
    "Upstream",
    "Usage",
    "Wait",
    "call_answer",
    "text_answer",
    "upstream_fixture",
]


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
        self._connections: set[Connection] = set()
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
        return self.add(Answer([*steps, Finish(finish), Usage(USAGE)]), **options)

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
        # A reset overtakes what was not read yet.
        answer.steps = [*(s for s in answer.steps if isinstance(s, Delta)), Wait(0.3), BreakOff()]
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

    def wait_for_request(self, count: int = 1, timeout: float = 30) -> Request:
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
        server = await self._loop.create_server(
            lambda: Connection(self._take, self.models, self._connections), "127.0.0.1", self._port
        )
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


@pytest.fixture(name="upstream")
def upstream_fixture() -> Iterator[Upstream]:
    with Upstream() as upstream:
        yield upstream


def _default(pieces: list[str], code: str | None) -> Callable[[Request], Answer]:
    def answer(request: Request) -> Answer:
        asked = bool(request.messages) and request.messages[-1].get("role") == "user"
        return call_answer(Code(code), pieces=1) if code and asked else text_answer(*pieces)

    return answer


def main() -> None:
    """Serve until a signal comes or the parent is gone."""
    parser = argparse.ArgumentParser(description="A scripted, instant chat completions upstream.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--say", default="Hello from upstream.", help="the text it answers with")
    parser.add_argument("--pieces", type=int, default=1, help="how often it says that text")
    parser.add_argument("--code", help="Python to call for first, in every turn")
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    parent = os.getppid()
    with Upstream(options.port) as upstream:
        upstream.default = _default([options.say] * options.pieces, options.code)
        print(upstream.url, flush=True)
        while os.getppid() == parent:
            time.sleep(0.5)


if __name__ == "__main__":
    main()
