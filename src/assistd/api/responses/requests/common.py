"""What bodies and queries of this door have in common (contract, responses, sections 1, 2 and 9)."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, cast

from fastapi import Depends, Query
from pydantic import ConfigDict, model_validator

from assistd.api.bodies import Body
from assistd.api.validation import make_error
from assistd.errors import RequestError

Include = Literal[
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
    "reasoning.encrypted_content",
    "message.output_text.logprobs",
]
"""What of items a client can ask to be shown; of tools that are not served there is nothing to show."""

_NEAR = 2
"""How many letters a name may be away from the one that was meant."""


class StrictBody(Body):
    """A body, or an object in one, that refuses unknown members and says which one may be meant.

    `moved` has the names that other APIs have for a member, and where it is here.
    """

    moved: ClassVar[Mapping[str, str]] = {}

    @model_validator(mode="before")
    @classmethod
    def _check_names(cls, sent: Any) -> Any:
        if isinstance(sent, dict):
            for name in cast("dict[str, Any]", sent):
                if name not in cls.model_fields:
                    cls._refuse_name(name.encode("utf-8", "replace").decode()[:64])
        return sent  # pyright: ignore[reportUnknownVariableType]

    @classmethod
    def _refuse_name(cls, name: str) -> None:
        if name in cls.moved:
            raise make_error(
                f"Unsupported parameter: '{{param}}'. In the Responses API, this parameter has moved to "
                f"'{cls.moved[name]}'. Try again with the new parameter.",
                code="unsupported_parameter",
                member=name,
            )
        distances = {known: _count_edits(name, known) for known in cls.model_fields}
        nearest = min(distances, key=distances.__getitem__, default="")
        is_near = nearest and distances[nearest] <= min(_NEAR, len(name) - 1)
        hint = f" Did you mean '{nearest}'?" if is_near else ""
        message = f"Unknown parameter: '{{param}}'.{hint}"
        raise make_error(message, code="unknown_parameter", member=name)


def _count_edits(one: str, other: str) -> int:
    """Return how many letters to add, remove or replace to make one word of the other (Levenshtein)."""
    row = list(range(len(other) + 1))
    for number, letter in enumerate(one, 1):
        diagonal, row[0] = row[0], number
        for at, wanted in enumerate(other, 1):
            changed = diagonal + (letter != wanted)
            diagonal, row[at] = row[at], min(changed, row[at] + 1, row[at - 1] + 1)
    return row[-1]


async def _read_include(
    bracketed: Annotated[list[Include] | None, Query(alias="include[]")] = None,
    plain: Annotated[list[Include] | None, Query(alias="include")] = None,
) -> frozenset[str]:
    return frozenset((*(bracketed or ()), *(plain or ())))


IncludeQuery = Annotated[frozenset[str], Depends(_read_include)]
"""What of items to show, of a query: `include[]=a&include[]=b`, or without brackets (responses, trap 32)."""


class _NamedConversation(Body):
    """A conversation by its id, as responses echo it."""

    model_config = ConfigDict(extra="ignore")

    id: str


ConversationBody = str | _NamedConversation
"""The conversation that a response goes on with."""


def get_conversation_id(
    sent: ConversationBody | None, previous_response_id: str | None
) -> str | None:
    """Return the id of the conversation that was sent, if one was.

    Raises:
        RequestError: there is also a response to go on from (contract, responses, 8.2).
    """
    if sent is not None and previous_response_id is not None:
        raise RequestError(
            "Mutually exclusive parameters: ''. Ensure you are only providing one of: "
            "'previous_response_id' or 'conversation'.",
            code="mutually_exclusive_parameters",
        )
    return sent.id if isinstance(sent, _NamedConversation) else sent
