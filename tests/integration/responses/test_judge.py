"""The judge of every answer of this door: it accepts what is right and only that, and knows what it lets pass."""

from typing import Any

import pytest

from assistd.objects.responses.response import Response
from tests.house.links import ROOT, anchors
from tests.live import response_stream
from tests.live.response_stream import CORRECTIONS, ResponsesSpecification
from tests.live.wire import Event

RESPONSE: dict[str, Any] = Response(id="resp_x", created_at=1, model="m").model_dump(mode="json")
CREATED = {"type": "response.created", "sequence_number": 0}
SCHEMA = {"type": "json_schema", "name": "n", "schema": {}, "strict": True, "description": None}


def created(**members: Any) -> Event:
    """The event of a response with these members, all others as they are by default."""
    response = {**RESPONSE, "user": "u", "usage": USAGE, **members}
    return Event("response.created", {**CREATED, "response": response})


USAGE = {
    "input_tokens": 1,
    "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
    "output_tokens": 1,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 2,
}
ERROR = {"type": "server_error", "code": "server_error", "message": "x", "param": None}
NEEDED: dict[str, Event] = {
    "the error event": Event("error", {"type": "error", "sequence_number": 0, "error": ERROR}),
    "the code of an error": created(error={**ERROR, "code": "model_not_found"}),
    "the user of a response": created(user=None),
    "the usage of a response": created(usage=None),
    "the description of a schema": created(text={"format": SCHEMA, "verbosity": "medium"}),
}
"""What each correction lets pass; lists are answers, not events."""


@pytest.mark.parametrize("name", CORRECTIONS)
def test_each_difference_is_written_down_in_a_section_of_the_contract(name: str) -> None:
    section, _ = CORRECTIONS[name]
    page = (ROOT / "docs/contract/responses.md").read_text()
    assert f"responses-section-{section.replace('.', '-')}" in anchors(page)


@pytest.mark.parametrize("name", NEEDED)
@pytest.mark.usefixtures("official_responses")
def test_no_difference_is_let_pass_that_is_none(name: str) -> None:
    others = ResponsesSpecification(corrections=CORRECTIONS.keys() - {name})
    assert others.complaints_of(NEEDED[name])


def test_responses_trap_60_nulls_are_alternatives_and_no_dead_keyword(
    official_responses: ResponsesSpecification,
) -> None:
    assert "nullable:" not in response_stream.PATH.read_text()
    for event in NEEDED.values():
        assert official_responses.complaints_of(event) == []


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("id", None),
        ("status", "running"),
        ("created_at", "now"),
        ("tools", None),
        ("usage", {"input_tokens": 1}),
        ("error", {"code": "oops", "message": "x"}),
        ("metadata", {"a": 1}),
        ("truncation", "none"),
        ("tool_choice", "sometimes"),
        ("output", [{"type": "message"}]),
    ],
)
def test_what_is_wrong_is_found(
    official_responses: ResponsesSpecification, member: str, value: Any
) -> None:
    assert official_responses.complaints_of(created()) == []
    assert official_responses.complaints_of(created(**{member: value}))
    assert official_responses.complaints_of(Event("response.cancelled", created().data))
