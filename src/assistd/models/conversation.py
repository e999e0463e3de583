"""A conversation with a language model: its turns, and the tools that the model may call in it."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any


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
class FunctionTool:
    """A function that the client offers and carries out; `parameters` is a JSON schema."""

    name: str
    description: str | None
    parameters: Mapping[str, Any]
    strict: bool = False


@dataclass(frozen=True, slots=True)
class BlockWords:
    """The words by which a model that knows no tool calls uses a tool: fenced blocks of text.

    Args:
        labels: what may stand behind the opening fence, in lower case; the first is what we write.
        how: says in the system message how to use the tool.
        must: stands behind `how` where the next answer must be a call.
        reminder: stands behind the user's question until the first call; empty for none.
        succeeded: stands behind a result; `{question}` in it becomes what the user said last.
        failed: stands behind the result of a call that failed.
        failed_twice: stands in the place of equal calls that failed; has a field `{words}` for the
            last lines of what they printed.
        longest: characters of a block after which it is taken as whole: a small model that repeats
            itself would not come to its end; None where a block may be of any length.
        example: returns turns that a small model is shown before a conversation whose last question
            is this one; called with the tool and the question.
        example_is_of_calls: whether it shows only how to call: behind a result, where a model could take it
            for one, it is left out.
    """

    labels: tuple[str, ...]
    how: str
    must: str
    succeeded: str
    failed: str
    failed_twice: str
    reminder: str = ""
    longest: int | None = None
    example: "Callable[[HostedSpec, str], tuple[Turn, ...]] | None" = None
    example_is_of_calls: bool = False


@dataclass(frozen=True, slots=True)
class HostedSpec:
    """A tool that the server itself runs, as models are told of it.

    Args:
        name: what the server calls it, such as `code_interpreter`.
        offered_as: the names to offer it by, best first; a call by any of them is a call of it.
        description: what it does.
        parameters: a JSON schema of its arguments.
        streamed: the parameter, a string, that is passed on while it comes; a call's `arguments` are
            then its text. None: they are a JSON object.
        pictures: stands before the pictures of its results.
        block: how models without tool calls use it; None: they cannot.
    """

    name: str
    offered_as: tuple[str, ...]
    description: str
    parameters: Mapping[str, Any]
    streamed: str | None = None
    pictures: str = "The picture(s) that the tool showed:"
    block: BlockWords | None = None

    def choose_name(self, taken: Collection[str]) -> str:
        """Return the name to offer it by beside functions of the names `taken`."""
        return next((name for name in self.offered_as if name not in taken), f"assistd_{self.name}")


@dataclass(frozen=True, slots=True)
class HostedCall:
    """The model's wish to use a hosted tool.

    Args:
        id: tells the calls of a conversation apart.
        tool: which tool.
        arguments: the text of the tool's `streamed` parameter, or else the JSON as it came.
    """

    id: str
    tool: HostedSpec
    arguments: str


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """The model's wish to have the client call a function; `arguments` is the JSON as it came."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class HostedResult:
    """What came of a `HostedCall`.

    Args:
        call_id: the id of the call.
        tool: which tool.
        text: all that the model is told.
        output: what of it the tool itself printed.
        files: paths below /mnt/data of the files the call wrote, sorted.
        images: the pictures it showed, for models that can see.
        failed: whether the tool could not do what was asked.
        may_differ: whether the same call may well come out in another way if it is made again.
    """

    call_id: str
    tool: HostedSpec
    text: str
    output: str = ""
    files: tuple[str, ...] = ()
    images: tuple[Image, ...] = ()
    failed: bool = False
    may_differ: bool = False


@dataclass(frozen=True, slots=True)
class FunctionResult:
    """What the client answered to a `FunctionCall`."""

    call_id: str
    output: str


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
class Assistant:
    """What the model said, the calls it made in the same turn, and what it thought before.

    A thought is there where the model goes on from it: since the user's last words (contract, responses, 6.6).
    """

    text: str = ""
    calls: tuple[HostedCall | FunctionCall, ...] = ()
    thought: str = ""


Turn = System | User | Assistant | HostedResult | FunctionResult
