"""A language model behind any OpenAI-compatible `/v1/chat/completions`."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from assistd import metrics
from assistd.models import fenced, tokens
from assistd.models.base import (
    Backend,
    Delta,
    Finished,
    HostedStarted,
    ModelRequest,
    PromptTooLongError,
    TextDelta,
    ToolProtocol,
)
from assistd.models.conversation import FunctionTool
from assistd.models.messages import THOUGHTS, Message, native_messages
from assistd.models.tool_calls import ToolCallReader
from assistd.models.truncation import fit_window
from assistd.models.upstream.errors import ToolCallsRefusedError

if TYPE_CHECKING:
    from assistd.models.upstream.connection import (
        Upstream,  # a server without one need not import aiohttp
    )


_LONG_PROMPT = 2000  # tokens, as we estimate them
_LEAST_READ = 0.5  # of these; estimates are not as wrong as that


class ChatCompletions:
    """Asks an upstream in one of the two tool protocols.

    Args:
        upstream: the server to ask.
        model: the name the server knows the model by; None passes on the name that was asked for.
        protocol: `native` function calling, or `fenced` blocks for models without it. Where the
            upstream refuses the native protocol, the fenced one is used from then on.
        vision: whether the model can be shown pictures.
        window: tokens of prompt and answer together that the model takes; of a longer conversation
            something is left out, or it is refused (`ModelRequest.truncation`). None: the whole is
            sent, and the window is learned from the upstream where that refuses it.
    """

    def __init__(
        self,
        upstream: "Upstream",
        *,
        model: str | None = None,
        protocol: ToolProtocol = "native",
        vision: bool = False,
        window: int | None = None,
    ) -> None:
        self.vision = vision
        self.backend: Backend = upstream.backend
        self._window = window
        self._upstream = upstream
        self._model = model
        self._protocol: ToolProtocol = protocol

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Delta, None]:
        """Ask, and yield the answer as it comes (see `Model.stream`).

        Raises:
            ModelError: the upstream is down, slow, rate-limited or talks nonsense; or the request
                demands what the protocol cannot do.
        """
        model = self._model or request.model
        may_shorten = request.truncation != "disabled"
        # What must not be shortened an upstream refuses itself: it counts better than we do.
        window = self._window or (self._upstream.windows.get(model) if may_shorten else None)
        fitting = fit_window(request, window) if window else request
        try:
            async with aclosing(self._speak(fitting, model)) as deltas:
                async for delta in deltas:
                    yield delta
        except PromptTooLongError as error:  # before the first delta
            if not may_shorten or error.window is None:
                raise
            shorter = fit_window(request, error.window)
            if len(shorter.turns) >= len(fitting.turns):
                raise
            async with aclosing(self._speak(shorter, model)) as deltas:
                async for delta in deltas:
                    self._upstream.windows[model] = error.window  # true, for it answers
                    yield delta

    async def _speak(self, request: ModelRequest, model: str) -> AsyncGenerator[Delta, None]:
        """Ask in the protocol the model knows."""
        if model not in self._upstream.without_tool_calls:
            try:
                async with aclosing(self._ask(request, model, self._protocol)) as deltas:
                    async for delta in deltas:
                        yield delta
            except ToolCallsRefusedError:  # before the first delta
                self._upstream.without_tool_calls.add(model)
            else:
                return
        async with aclosing(self._ask(request, model, "fenced")) as deltas:
            async for delta in deltas:
                yield delta

    async def _ask(
        self, request: ModelRequest, model: str, protocol: ToolProtocol
    ) -> AsyncGenerator[Delta, None]:
        prompt_tokens = sum(map(tokens.of_turn, request.turns))
        if protocol == "fenced":
            fenced.check(request)
            messages = fenced.fenced_messages(request, vision=self.vision)
            reader = fenced.FencedReader(request, prompt_tokens)
        else:
            names = {function.name for function in request.functions}
            thoughts = self._upstream.thoughts.get(model, THOUGHTS)
            messages = native_messages(
                request.turns, vision=self.vision, functions=names, thoughts=thoughts
            )
            reader = ToolCallReader(request, prompt_tokens)
        body = _body(request, model, messages, protocol)
        logprobs: list[Mapping[str, Any]] = []  # of text that was not told yet
        async with aclosing(self._upstream.chunks(body)) as chunks:
            async for chunk in chunks:
                if chunk.thoughts:
                    self._upstream.thoughts[model] = chunk.thoughts
                logprobs += chunk.logprobs
                for delta in reader.feed(chunk):
                    yield _add_logprobs(delta, logprobs) if logprobs else delta
                if reader.done:
                    break
                if reader.is_thinking:
                    logprobs.clear()
        for delta in reader.finish():
            if isinstance(delta, Finished) and _seems_cut(prompt_tokens, delta.tokens.prompt):
                metrics.MODEL_ERRORS.add(self.backend, "truncated")
            yield _add_logprobs(delta, logprobs) if logprobs else delta


def _add_logprobs(delta: Delta, logprobs: list[Mapping[str, Any]]) -> Delta:
    """Return a text with these probabilities, which are taken out; those before a call are of its block."""
    if isinstance(delta, TextDelta):
        delta = replace(delta, logprobs=tuple(logprobs))
        logprobs.clear()
    elif isinstance(delta, HostedStarted):
        logprobs.clear()
    return delta


def _seems_cut(sent: int, read: int) -> bool:
    """Tell whether a model read so few tokens of a prompt that its server must have cut it, and said nothing."""
    return sent > _LONG_PROMPT and read < sent * _LEAST_READ


def _body(
    request: ModelRequest, model: str, messages: list[Message], protocol: ToolProtocol
) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": model,
        "messages": messages,
        "stream_options": {"include_usage": True},
        "temperature": request.options.temperature,
        "top_p": request.options.top_p,
        "reasoning_effort": request.options.reasoning_effort,
        "max_tokens": request.max_tokens,
        "response_format": _response_format(request, protocol),
        "verbosity": request.options.verbosity,
        "logprobs": None if request.options.top_logprobs is None else True,
        "top_logprobs": request.options.top_logprobs or None,
    }
    if protocol == "native" and (tools := _tools(request)):
        body["tools"] = tools
        body["tool_choice"] = _tool_choice(request)
        # True is what every upstream does anyway, and some know no such parameter.
        body["parallel_tool_calls"] = None if request.options.parallel_tool_calls else False
    return {key: value for key, value in body.items() if value is not None}


def _response_format(request: ModelRequest, protocol: ToolProtocol) -> dict[str, Any] | None:
    wanted = request.options.response_format
    blocks = protocol == "fenced" and request.block_tools
    if wanted is None or wanted.get("type") == "text" or blocks:
        return None
    return dict(wanted)


def _tools(request: ModelRequest) -> list[dict[str, Any]]:
    taken = {function.name for function in request.functions}
    hosted = (
        FunctionTool(spec.choose_name(taken), spec.description, spec.parameters)
        for spec in request.hosted
    )
    return [_function(function) for function in (*hosted, *request.functions)]


def _function(function: FunctionTool) -> dict[str, Any]:
    described: dict[str, Any] = {"name": function.name, "parameters": dict(function.parameters)}
    if function.description:
        described["description"] = function.description
    if function.strict:
        described["strict"] = True
    return {"type": "function", "function": described}


def _tool_choice(request: ModelRequest) -> str | dict[str, Any] | None:
    """Return OpenAI's value; `auto` is what silence means."""
    choice = request.tool_choice
    if choice.startswith("hosted:"):
        taken = {function.name for function in request.functions}
        names = (s.choose_name(taken) for s in request.hosted if choice == f"hosted:{s.name}")
        choice = next((f"function:{name}" for name in names), "auto")
    if choice.startswith("function:"):
        return {"type": "function", "function": {"name": choice.removeprefix("function:")}}
    return None if choice == "auto" else choice
