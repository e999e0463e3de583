"""Items as clients send them, in the input of a response and into a conversation (contract, responses, 4.8).

Clients also send back what they were given, by this server or another one. So members that are not
known are ignored here, and what only other servers make is skipped.
"""

import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self, TypeAlias, cast

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    model_validator,
)

from assistd import ids
from assistd.api.bodies import JsonObject, Many
from assistd.api.responses.requests.parts import (
    FilePart,
    ImagePart,
    ItemBody,
    OutputPart,
    Part,
    RefusalPart,
    SentText,
    TextPart,
)
from assistd.api.validation import make_error
from assistd.engine.responses.input import GivenItem, ItemReference
from assistd.objects.responses import item as items
from assistd.objects.responses.item import PREFIXES

_KEPT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

_KINDS = (*PREFIXES, "item_reference")
_NOT_SERVED = ("compaction", "compaction_trigger", "configuration_update", "additional_tools")
_NOT_SERVED_FAMILIES = ("program",)
_SKIPPED_FAMILIES = (
    "apply_patch_", "computer_", "custom_tool_", "image_generation_", "local_shell_", "mcp_", "shell_",
    "tool_search_", "web_search_",
)  # fmt: skip
"""How the types of items begin that tools of other servers make: they mean nothing to a model here."""


_CallId = Annotated[str, StringConstraints(min_length=1, max_length=64)]
_ToolName = Annotated[str, StringConstraints(max_length=128, pattern="^[A-Za-z0-9_-]+$")]


def _check_prefix(prefix: str) -> AfterValidator:
    """Refuse an id that is of another kind of item (contract, responses, section 9)."""

    def check(value: str) -> str:
        if value.startswith(prefix):
            return value
        message = (
            f"Invalid '{{param}}': '{value[:64]}'. Expected an ID that begins with '{prefix}'."
        )
        raise make_error(message)

    return AfterValidator(check)


def _choose_id(sent: str | None, kind: str) -> str:
    """Return the id that an item was sent with; a new one where it has none, or none that we could keep."""
    return sent if sent and _KEPT_ID.fullmatch(sent) else ids.new_hex(PREFIXES[kind])


def _keep_end(*ends: str) -> BeforeValidator:
    """Take a status for `completed` that is none of these: what was sent is history."""
    return BeforeValidator(lambda status: status if status in ends else "completed")


class MessageBody(ItemBody):
    """A message: an easy one of a role and a text, or one with all members."""

    id: Annotated[str, _check_prefix("msg")] | None = None
    role: Literal["user", "assistant", "system", "developer"]
    content: SentText | Many[Part]
    status: Annotated[Literal["completed", "incomplete"], _keep_end("incomplete")] = "completed"
    phase: Literal["commentary", "final_answer"] | None = None

    @model_validator(mode="after")
    def _check_parts(self) -> Self:
        """Refuse parts that its role cannot have."""
        wrong = (RefusalPart,) if self.role != "assistant" else (ImagePart, FilePart)
        if isinstance(self.content, list):
            for number, part in enumerate(self.content):
                if isinstance(part, wrong):
                    raise make_error(
                        f"Invalid '{{param}}': a message with the role '{self.role}' has no parts of "
                        f"the type '{part.type}' (part {number}).",
                        member="content",
                    )
        return self

    def item(self) -> items.Message:
        """Return the item."""
        text = self.content
        parts = [TextPart(type="input_text", text=text)] if isinstance(text, str) else text
        is_spoken = self.role == "assistant"
        return items.Message(
            id=_choose_id(self.id, "message"),
            status=self.status,
            content=tuple(map(_speak, parts) if is_spoken else map(_keep, parts)),
            phase=self.phase,
            role=self.role,
        )


def _speak(part: TextPart | RefusalPart | ImagePart | FilePart) -> items.Part:
    assert isinstance(part, TextPart | RefusalPart)  # see `_check_parts`
    return part.output_part()


def _keep(part: TextPart | RefusalPart | ImagePart | FilePart) -> items.InputPart:
    assert not isinstance(part, RefusalPart)
    return part.input_part()


class FunctionCallBody(ItemBody):
    """A call that a model made and the client carries out."""

    id: Annotated[str, _check_prefix("fc")] | None = None
    call_id: _CallId
    name: _ToolName
    arguments: SentText
    status: Annotated[Literal["completed", "incomplete"], _keep_end("incomplete")] = "completed"

    def item(self) -> items.FunctionCall:
        """Return the item."""
        return items.FunctionCall(
            id=_choose_id(self.id, "function_call"),
            status=self.status,
            arguments=self.arguments,
            call_id=self.call_id,
            name=self.name,
        )


class FunctionOutputBody(ItemBody):
    """What the client's function gave: a text, or parts."""

    id: Annotated[str, _check_prefix("fc")] | None = None
    call_id: _CallId
    output: SentText | Many[OutputPart]

    def item(self) -> items.FunctionCallOutput:
        """Return the item."""
        output = self.output
        return items.FunctionCallOutput(
            id=_choose_id(self.id, "function_call_output"),
            call_id=self.call_id,
            output=output
            if isinstance(output, str)
            else tuple(each.input_part() for each in output),
        )


def _keep_known_outputs(value: Any) -> Any:
    """Leave out of a list what no code of this server puts out."""
    if not isinstance(value, list):
        return value
    return [each for each in cast("list[Any]", value) if _is_known_output(each)]


def _is_known_output(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    output = cast("dict[str, Any]", value)
    kind = output.get("type")
    text = output.get("logs" if kind == "logs" else "url")
    return kind in ("logs", "image") and isinstance(text, str)


class LogsBody(ItemBody):
    """What code printed."""

    type: Literal["logs"]
    logs: str

    def output(self) -> items.CodeLogs:
        """Return the output."""
        return items.CodeLogs(logs=self.logs)


class ImageBody(ItemBody):
    """A picture that code showed."""

    type: Literal["image"]
    url: str

    def output(self) -> items.CodeImage:
        """Return the output."""
        return items.CodeImage(url=self.url)


_Outputs = Many[Annotated[LogsBody | ImageBody, Field(discriminator="type")]]


class CodeCallBody(ItemBody):
    """A call of the code interpreter, of this server or another one (contract, responses, 8.5)."""

    id: Annotated[str, _check_prefix("ci")] | None = None
    code: SentText | None = None
    container_id: Annotated[str, StringConstraints(max_length=256)]
    outputs: Annotated[_Outputs | None, BeforeValidator(_keep_known_outputs)] = None
    status: Annotated[
        Literal["completed", "incomplete", "failed"], _keep_end("incomplete", "failed")
    ] = "completed"

    def item(self) -> items.CodeInterpreterCall:
        """Return the item."""
        outputs = self.outputs
        return items.CodeInterpreterCall(
            id=_choose_id(self.id, "code_interpreter_call"),
            status=self.status,
            code=self.code or "",
            container_id=self.container_id,
            outputs=None if outputs is None else tuple(each.output() for each in outputs),
        )


class FoundBody(ItemBody):
    """A piece of a file that was found; other servers leave out what they like."""

    file_id: str | None = None
    filename: str | None = None
    score: Annotated[float, Field(allow_inf_nan=False)] | None = None
    text: str | None = None
    attributes: JsonObject | None = None
    page: int | None = None

    def result(self) -> items.FileSearchResult:
        """Return the result."""
        return items.FileSearchResult(
            attributes=self.attributes or {},
            file_id=self.file_id or "",
            filename=self.filename or "",
            score=self.score or 0.0,
            text=self.text or "",
            page=self.page,
        )


class SearchCallBody(ItemBody):
    """A search in files, of this server or another one."""

    id: Annotated[str, _check_prefix("fs")] | None = None
    queries: Many[SentText] | None = None
    results: Many[FoundBody] | None = None
    status: Annotated[
        Literal["completed", "incomplete", "failed"], _keep_end("incomplete", "failed")
    ] = "completed"

    def item(self) -> items.FileSearchCall:
        """Return the item."""
        found = self.results
        return items.FileSearchCall(
            id=_choose_id(self.id, "file_search_call"),
            status=self.status,
            queries=tuple(self.queries or ()),
            results=None if found is None else tuple(each.result() for each in found),
        )


class ThoughtBody(ItemBody):
    """A piece of text of a reasoning."""

    text: SentText


class ReasoningBody(ItemBody):
    """What a model thought; without the text where only its encrypted form was sent."""

    id: Annotated[str, _check_prefix("rs")] | None = None
    summary: Many[ThoughtBody] | None = None
    content: Many[ThoughtBody] | None = None
    encrypted_content: str | None = None

    def item(self) -> items.Reasoning:
        """Return the item."""
        content = [items.ReasoningText(text=each.text) for each in self.content or ()]
        return items.Reasoning(
            id=_choose_id(self.id, "reasoning"),
            content=tuple(content) or None,
            encrypted_content=self.encrypted_content,
            summary=tuple(items.SummaryText(text=each.text) for each in self.summary or ()),
        )


class ReferenceBody(ItemBody):
    """An item that is kept here already, by its id."""

    id: Annotated[str, StringConstraints(min_length=1)]

    def item(self) -> ItemReference:
        """Return the reference."""
        return ItemReference(self.id)


class SkippedBody(ItemBody):
    """What a tool of another server did (contract, responses, section 12)."""

    def item(self) -> None:
        """Return nothing: a model here cannot use it."""


class RefusedBody(ItemBody):
    """An item that is not known, or whose absence would change what the input means."""

    type: str

    @model_validator(mode="after")
    def _refuse(self) -> Self:
        kind = self.type[:64]
        if kind in _NOT_SERVED or kind.startswith(_NOT_SERVED_FAMILIES):
            message = f"Input items of the type '{kind}' are not supported by this server."
            raise make_error(message, code="unsupported_value", member="type")
        known = ", ".join(f"'{each}'" for each in _KINDS[:-1])
        message = f"Invalid value: '{kind}'. Supported values are: {known} and '{_KINDS[-1]}'."
        raise make_error(message, member="type")

    def item(self) -> None:
        """Return nothing; there is no such item."""


def _tell_kind(value: Any) -> str | None:
    """Return what kind of item this is; None where it does not say."""
    if not isinstance(value, dict):
        return getattr(value, "tag", "message")
    sent = cast("dict[str, Any]", value)
    kind = sent.get("type")
    if kind is None:
        return "message" if "role" in sent else "item_reference" if "id" in sent else None
    if kind in _KINDS:
        return kind
    return "skipped" if str(kind).startswith(_SKIPPED_FAMILIES) else "refused"


_ItemBody: TypeAlias = Annotated[
    Annotated[MessageBody, Tag("message")]
    | Annotated[FunctionCallBody, Tag("function_call")]
    | Annotated[FunctionOutputBody, Tag("function_call_output")]
    | Annotated[CodeCallBody, Tag("code_interpreter_call")]
    | Annotated[SearchCallBody, Tag("file_search_call")]
    | Annotated[ReasoningBody, Tag("reasoning")]
    | Annotated[ReferenceBody, Tag("item_reference")]
    | Annotated[SkippedBody, Tag("skipped")]
    | Annotated[RefusedBody, Tag("refused")],
    Discriminator(_tell_kind),
]

ItemBodies = Many[_ItemBody]
"""Items as a client sends them."""

InputBody = SentText | ItemBodies
"""The input of a response: a text of the user, or items."""


def read_input(sent: InputBody | None) -> list[GivenItem]:
    """Return the items that a client sent, each with an id, without those that mean nothing here."""
    if isinstance(sent, str):
        return [MessageBody(role="user", content=sent).item()]
    return read_items(sent or ())


def read_items(sent: Iterable[_ItemBody]) -> list[GivenItem]:
    """Return the items that a client sent, each with an id, without those that mean nothing here."""
    found = (each.item() for each in sent)
    return [each for each in found if each is not None]
