"""The normal form of a conversation with a language model, and the `Model` protocol.

Knows nothing of threads, runs or SQL: the engine turns those into a `ModelRequest` and reads deltas.
"""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from assistd.errors import AssistdError
from assistd.quoting import quote_path

_NAMED_FILES = 100  # of those that one call wrote

ErrorCode = Literal["server_error", "rate_limit_exceeded", "invalid_prompt"]
FinishReason = Literal["stop", "tool_calls", "length", "content_filter"]
ToolProtocol = Literal["native", "fenced"]
Backend = Literal["upstream", "local", "direct"]


class ModelError(AssistdError):
    """The model's upstream failed for good: becomes the run's `last_error` (contract section 5).

    Args:
        code: one of the three codes of `last_error`.
        message: what happened and what the operator can do; never holds a key or a prompt.
    """

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code: ErrorCode = code
        self.message = message


class PromptTooLongError(ModelError):
    """The prompt is longer than the model's window.

    Args:
        code: of `last_error`.
        message: what the upstream said.
        window: tokens of prompt and answer together, as the upstream says.
    """

    def __init__(self, code: ErrorCode, message: str, window: int) -> None:
        super().__init__(code, message)
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
class Text:
    """A piece of text in a user's message."""

    text: str


@dataclass(frozen=True, slots=True)
class Image:
    """A picture in a user's message or a tool's result: an http(s) or data URL."""

    url: str
    detail: str = "auto"


@dataclass(frozen=True, slots=True)
class System:
    """The instructions that stand before the conversation."""

    text: str


@dataclass(frozen=True, slots=True)
class User:
    """What the user said."""

    parts: tuple[Text | Image, ...]

    @property
    def text(self) -> str:
        """The text parts, joined by blank lines."""
        return "\n\n".join(part.text for part in self.parts if isinstance(part, Text))


@dataclass(frozen=True, slots=True)
class CodeCall:
    """The model's wish to run Python."""

    id: str
    code: str


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """The model's wish to have the client call a function; `arguments` is the JSON as it came."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Assistant:
    """What the model said, and the calls it made in the same turn."""

    text: str = ""
    calls: tuple[CodeCall | FunctionCall, ...] = ()


@dataclass(frozen=True, slots=True)
class CodeResult:
    """What came of a `CodeCall`.

    Args:
        call_id: the id of the call.
        logs: what a notebook would show: stdout, stderr, last value, traceback.
        files: paths below /mnt/data of the files the call wrote, sorted.
        pictures: how many pictures were shown.
        notes: sentences for the model, such as "The session was restarted; variables are gone."
        images: the pictures themselves, for models that can see.
        failed: whether the code raised, was stopped, or took its session with it.
    """

    call_id: str
    logs: str
    files: tuple[str, ...] = ()
    pictures: int = 0
    notes: tuple[str, ...] = ()
    images: tuple[Image, ...] = ()
    failed: bool = False

    @property
    def text(self) -> str:
        """The result as a model without special knowledge reads it."""
        lines = [self.logs.rstrip("\n")] if self.logs else []
        if self.pictures:
            lines.append(f"[{self.pictures} picture(s) were shown to the user]")
        lines += [f"[file written: {quote_path(name)}]" for name in self.files[:_NAMED_FILES]]
        if more := self.files[_NAMED_FILES:]:
            lines.append(f"[{len(more)} more files written]")
        lines += [f"[{note}]" for note in self.notes]
        return "\n".join(lines) or "[the code ran and printed nothing]"


@dataclass(frozen=True, slots=True)
class FunctionResult:
    """What the client answered to a `FunctionCall`."""

    call_id: str
    output: str


Turn = System | User | Assistant | CodeResult | FunctionResult


@dataclass(frozen=True, slots=True)
class FunctionTool:
    """A function the client offers; `parameters` is a JSON schema."""

    name: str
    description: str | None
    parameters: Mapping[str, Any]
    strict: bool = False


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One question to a model: the whole conversation and how to answer it.

    Args:
        model: the name the program asked for (`gpt-4o`).
        turns: the conversation, oldest first; results follow the turn that called.
        code_tool: whether the model may run Python.
        has_files: whether files are there for that Python.
        functions: the functions the model may call.
        tool_choice: `auto`, `none`, `required`, `code` or `function:NAME`.
        response_format: OpenAI's object, or None for free text.
        max_tokens: the most tokens to answer with, or None.
    """

    model: str
    turns: tuple[Turn, ...]
    code_tool: bool = False
    has_files: bool = False
    functions: tuple[FunctionTool, ...] = ()
    tool_choice: str = "auto"
    parallel_tool_calls: bool = True
    temperature: float | None = None
    top_p: float | None = None
    reasoning_effort: str | None = None
    response_format: Mapping[str, Any] | None = None
    max_tokens: int | None = None

    @property
    def may_run(self) -> bool:
        """Whether Python of this answer is run; else all of it is text."""
        return self.code_tool and self.tool_choice != "none"


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More of the model's text; never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class CodeStarted:
    """The model began a call of the code tool; `index` tells the calls of a turn apart (0, 1, ...)."""

    index: int


@dataclass(frozen=True, slots=True)
class CodeDelta:
    """More of the code of call `index`, decoded; never empty."""

    index: int
    code: str


@dataclass(frozen=True, slots=True)
class CodeRejected:
    """The arguments of code call `index` could not be read; `reason` tells the model what to do."""

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
    TextDelta | CodeStarted | CodeDelta | CodeRejected | FunctionStarted | FunctionDelta | Finished
)


class Model(Protocol):
    """A language model, or something that stands in for one."""

    vision: bool
    """Whether `Image` parts reach the model."""

    def stream(self, request: ModelRequest) -> AsyncGenerator[Delta, None]:
        """Ask, and yield the answer as it comes: text before calls, calls in index order, `Finished` last.

        Closing the iterator (or cancelling the task) ends the request upstream at once.

        Raises:
            ModelError: the upstream is down, slow, rate-limited or talks nonsense.
        """
        ...
