"""The answers of the scripted upstream: what happens in each, step by step."""

import asyncio
import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any

USAGE = {
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

    def wait_reached(self, timeout: float = 30) -> None:
        """Wait until a request hangs at this gate."""
        assert self.reached.wait(timeout), "no request came to the gate"

    async def areached(self, timeout: float = 30) -> None:
        """Wait until a request hangs at this gate, from async code."""
        await asyncio.to_thread(self.wait_reached, timeout)

    def release(self) -> None:
        """Let the answer go on."""
        with self._lock:
            self._open.set()
            if self._waiter:
                loop, event = self._waiter
                loop.call_soon_threadsafe(event.set)

    async def pass_through(self) -> None:
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
    """A `choices[0].delta` as given, and the `logprobs` of its tokens if there are some."""

    delta: dict[str, Any]
    logprobs: list[dict[str, Any]] | None = None


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


def text_answer(*pieces: str, finish: str | None = "stop") -> Answer:
    """An answer of text."""
    steps: list[Step] = [Delta({"role": "assistant", "content": ""})]
    steps += [Delta({"content": piece}) for piece in pieces]
    return Answer([*steps, Finish(finish), Usage(USAGE)])


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
    return Answer([*steps, Finish(finish), Usage(USAGE)])


def _split(text: str, count: int) -> list[str]:
    size = max(1, -(-len(text) // max(1, count)))
    return [text[i : i + size] for i in range(0, len(text), size)]
