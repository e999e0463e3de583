"""The normal form of a conversation with a language model, and the `Model` protocol.

Knows nothing of threads, runs or SQL: the engine turns those into a `ModelRequest` and reads deltas.
"""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from assistd.errors import AssistdError
from assistd.models.conversation import BlockWords, FunctionTool, HostedSpec, Turn

ErrorCode = Literal["server_error", "rate_limit_exceeded", "invalid_prompt"]
PreciseCode = ErrorCode | Literal["context_length_exceeded", "model_not_found"]
Truncation = Literal["middle", "beginning", "disabled"]
"""What is left out of a conversation that is too long for the model; `disabled`: it is refused."""
FinishReason = Literal["stop", "tool_calls", "length", "content_filter"]
ToolProtocol = Literal["native", "fenced"]
Backend = Literal["upstream", "local", "direct"]


class ModelError(AssistdError):
    """The model's upstream failed for good: becomes the run's `last_error` (contract section 5).

    Args:
        code: one of the three codes of `last_error`.
        message: what happened and what the operator can do; never holds a key or a prompt.
        precise_code: says more exactly what went wrong, for doors that have more codes; None: `code`
            says all.
    """

    def __init__(
        self, code: ErrorCode, message: str, precise_code: PreciseCode | None = None
    ) -> None:
        super().__init__(message)
        self.code: ErrorCode = code
        self.message = message
        self.precise_code: PreciseCode = precise_code or code


class PromptTooLongError(ModelError):
    """The prompt is longer than the model's window.

    Args:
        message: what the upstream said.
        window: tokens of prompt and answer together, as the upstream says; None where it does not.
    """

    def __init__(self, message: str, window: int | None) -> None:
        super().__init__("invalid_prompt", message, "context_length_exceeded")
        self.window = window


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """Where one model name leads.

    Args:
        backend: who answers.
        model: the name the upstream knows it by; None: the name that was asked for.
        protocol: how it calls Python; None: what the backend does by default.
        vision: whether it can be shown pictures; None: decided by the upstream's name for it.
        window: tokens of prompt and answer together; None: what the upstream says when it refuses.
    """

    backend: Backend = "upstream"
    model: str | None = None
    protocol: ToolProtocol | None = None
    vision: bool | None = None
    window: int | None = None


@dataclass(frozen=True, slots=True)
class AnswerOptions:
    """How a model is to answer.

    Args:
        parallel_tool_calls: whether one answer may make several calls.
        temperature: as OpenAI's; None: the upstream's own.
        top_p: likewise.
        reasoning_effort: likewise.
        response_format: OpenAI's object, or None for free text.
        verbosity: how much it is to say, as OpenAI's; None: the upstream's own.
        top_logprobs: how many tokens are told with their log probabilities in the place of each; None:
            no probabilities are told, also not of the tokens themselves.
    """

    parallel_tool_calls: bool = True
    temperature: float | None = None
    top_p: float | None = None
    reasoning_effort: str | None = None
    response_format: Mapping[str, Any] | None = None
    verbosity: str | None = None
    top_logprobs: int | None = None


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One question to a model: the whole conversation and how to answer it.

    Args:
        model: the name the program asked for (`gpt-4o`).
        turns: the conversation, oldest first; results follow the turn that called.
        hosted: the tools of this server that the model may use.
        functions: the client's functions that the model may call.
        tool_choice: `auto`, `none`, `required`, `hosted:NAME` or `function:NAME`.
        options: how to answer.
        max_tokens: the most tokens to answer with, or None.
        truncation: what becomes of turns that are too long for the model.
    """

    model: str
    turns: tuple[Turn, ...]
    hosted: tuple[HostedSpec, ...] = ()
    functions: tuple[FunctionTool, ...] = ()
    tool_choice: str = "auto"
    options: AnswerOptions = field(default_factory=AnswerOptions)
    max_tokens: int | None = None
    truncation: Truncation = "middle"

    @property
    def block_tools(self) -> tuple[tuple[HostedSpec, BlockWords], ...]:
        """The tools that are used by fenced blocks of text; without one all of an answer is text."""
        if self.tool_choice == "none":
            return ()
        return tuple((spec, spec.block) for spec in self.hosted if spec.block)

    @property
    def block_labels(self) -> Mapping[str, HostedSpec]:
        """Which tool a block of a label is for."""
        found: dict[str, HostedSpec] = {}
        for spec, words in self.block_tools:
            for label in words.labels:
                found.setdefault(label, spec)
        return found


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More of the model's text; never empty.

    Args:
        text: the text.
        logprobs: of its tokens, as chat completions have them, where they were asked for and the upstream
            tells them; a text that was held back comes with those of all its tokens.
    """

    text: str
    logprobs: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """More of what the model thinks before it speaks; never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class SummaryDelta:
    """More of what the model's upstream tells in short of its thoughts; never empty.

    Args:
        index: tells the parts of a summary apart.
        text: more of that part.
    """

    index: int
    text: str


@dataclass(frozen=True, slots=True)
class RefusalDelta:
    """More of why the model does not answer; never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class HostedStarted:
    """The model began a call of a hosted tool.

    Args:
        index: tells the calls of a turn apart (0, 1, ...).
        tool: the tool's `HostedSpec.name`.
    """

    index: int
    tool: str


@dataclass(frozen=True, slots=True)
class HostedDelta:
    """More of the arguments of hosted call `index` (see `HostedCall.arguments`); never empty."""

    index: int
    arguments: str


@dataclass(frozen=True, slots=True)
class HostedRejected:
    """The arguments of hosted call `index` could not be read; `reason` tells the model what to do."""

    index: int
    reason: str


@dataclass(frozen=True, slots=True)
class FunctionStarted:
    """The model began a call of a client's function."""

    index: int
    name: str


@dataclass(frozen=True, slots=True)
class FunctionDelta:
    """More of the JSON arguments of function call `index`; never empty."""

    index: int
    arguments: str


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens one answer cost; prompt and completion are estimates where the upstream does not count."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0
    reasoning: int = 0


@dataclass(frozen=True, slots=True)
class Finished:
    """The last delta of every answer that did not fail."""

    reason: FinishReason
    tokens: Tokens = field(default_factory=Tokens)


Delta = (
    TextDelta
    | ReasoningDelta
    | SummaryDelta
    | RefusalDelta
    | HostedStarted
    | HostedDelta
    | HostedRejected
    | FunctionStarted
    | FunctionDelta
    | Finished
)


class Model(Protocol):
    """A language model, or something that stands in for one."""

    vision: bool
    """Whether `Image` parts reach the model."""
    backend: Backend
    """Who answers."""

    def stream(self, request: ModelRequest) -> AsyncGenerator[Delta, None]:
        """Ask, and yield the answer as it comes: thoughts and text before calls, calls in index order, `Finished` last.

        Closing the iterator (or cancelling the task) ends the request upstream at once.

        Raises:
            ModelError: the upstream is down, slow, rate-limited or talks nonsense.
        """
        ...
