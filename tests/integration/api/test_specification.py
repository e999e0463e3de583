"""The judge of every other test here: it accepts what is right, and only that."""

import copy
from typing import Any

import pytest

from tests.live.specification import Specification
from tests.live.wire import Event

USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
RUN: dict[str, Any] = {
    "id": "run_x",
    "object": "thread.run",
    "created_at": 1,
    "assistant_id": "asst_x",
    "thread_id": "thread_x",
    "status": "completed",
    "started_at": 1,
    "expires_at": None,
    "cancelled_at": None,
    "failed_at": None,
    "completed_at": 1,
    "required_action": None,
    "last_error": None,
    "model": "m",
    "instructions": None,
    "tools": [],
    "metadata": {},
    "temperature": None,
    "top_p": 1.0,
    "max_completion_tokens": None,
    "max_prompt_tokens": None,
    "truncation_strategy": {"type": "auto", "last_messages": None},
    "incomplete_details": None,
    "usage": USAGE,
    "response_format": "auto",
    "tool_choice": "auto",
    "parallel_tool_calls": True,
}


def test_trap_37_nulls_that_the_specification_marks_as_nullable_are_accepted(
    official: Specification,
) -> None:
    assert official.complaints_of(Event("thread.run.completed", RUN)) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("id", None),
        ("status", "running"),
        ("created_at", "now"),
        ("tools", None),
        ("usage", {"prompt_tokens": 1}),
        ("last_error", {"code": "oops", "message": "x"}),
        ("metadata", {"a": 1}),
        ("truncation_strategy", {"type": "none"}),
        ("tool_choice", "sometimes"),
    ],
)
def test_objects_that_are_wrong_are_noticed(official: Specification, path: str, value: Any) -> None:
    wrong = {**copy.deepcopy(RUN), path: value}
    assert official.complaints_of(Event("thread.run.completed", wrong))
    missing = {key: each for key, each in RUN.items() if key != path}
    assert official.complaints_of(Event("thread.run.completed", missing))


def test_trap_34_an_error_event_is_wrapped_and_unknown_events_are_noticed(
    official: Specification,
) -> None:
    error = {"message": "x", "type": "server_error", "param": None, "code": None}
    assert official.complaints_of(Event("error", {"error": error})) == []
    assert official.complaints_of(Event("error", error))
    assert official.complaints_of(Event("thread.run.paused", RUN))
    assert official.complaints_of(Event("done", {}))
