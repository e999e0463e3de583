"""Attributes and chunks are taken exactly within their limits (contract, file search, section 3)."""

import sys
from typing import Any, get_args, get_type_hints

from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from assistd.api.bodies import StaticFields
from assistd.api.vector_stores.requests import AttachFile, CreateBatch, ExpiresAfterBody
from assistd.engine.policy import Policy
from assistd.errors import ExtractionError
from assistd.objects.vector_store import FileErrorCode

SHORT = st.text(max_size=80)
SCALARS = st.text(max_size=520) | st.booleans() | st.integers() | st.floats() | st.none()
VALUES = SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(SHORT, SCALARS, max_size=2)
LARGEST = int(1.7e308)


def takes(body: type[BaseModel], sent: dict[str, Any], policy: Policy | None = None) -> bool:
    """Whether a body may be so."""
    try:
        body.model_validate(sent, context=policy)
    except ValidationError:
        return False
    return True


def is_value(value: object) -> bool:
    """What the contract says of one attribute."""
    match value:
        case bool():
            return True
        case str():
            return len(value) <= 512
        case int() | float():
            return abs(value) <= sys.float_info.max
        case _:
            return False


@given(st.dictionaries(SHORT, VALUES, max_size=20))
@example({str(number): number for number in range(16)})
@example({str(number): number for number in range(17)})
@example({"k" * 64: "v" * 512})
@example({"k" * 65: 1})
@example({"a": "v" * 513})
@example({"a": LARGEST, "b": -LARGEST})
@example({"a": LARGEST * 10})
@example({"a": float("nan")})
@example({"": ""})
def test_attributes_are_taken_exactly_within_their_limits(attributes: dict[str, Any]) -> None:
    allowed = (
        len(attributes) <= 16
        and all(len(key) <= 64 for key in attributes)
        and all(is_value(value) for value in attributes.values())
    )
    sent = {"file_id": "file-x", "attributes": attributes}
    assert takes(AttachFile, sent) is allowed
    assert takes(CreateBatch, {"files": [sent]}) is allowed
    if allowed:
        kept = AttachFile.model_validate(sent).make_file().attributes
        assert kept == attributes
        assert [type(each) for each in kept.values()] == [type(v) for v in attributes.values()]


@given(st.integers(0, 5000), st.integers(-10, 3000))
@example(100, 50)
@example(4096, 2048)
@example(4097, 0)
@example(99, 0)
@example(101, 51)
def test_chunks_are_taken_exactly_within_their_limits(size: int, overlap: int) -> None:
    sent = {"max_chunk_size_tokens": size, "chunk_overlap_tokens": overlap}
    allowed = 100 <= size <= 4096 and 0 <= overlap <= size / 2
    assert takes(StaticFields, sent) is allowed


@given(st.integers(-400, 400))
def test_days_are_taken_exactly_within_their_limits(days: int) -> None:
    sent = {"anchor": "last_active_at", "days": days}
    assert takes(ExpiresAfterBody, sent) is (1 <= days <= 365)
    assert not takes(ExpiresAfterBody, {**sent, "days": float(days)})


@given(st.integers(1, 6), st.integers(0, 8))
def test_a_batch_has_as_many_files_as_the_setting_says(most: int, count: int) -> None:
    policy = Policy(batch_files=most)
    for sent in (
        {"file_ids": ["file-x"] * count},
        {"files": [{"file_id": "file-x"}] * count},
    ):
        assert takes(CreateBatch, sent, policy) is (1 <= count <= most)


def test_search_trap_34_no_code_of_a_file_is_beside_the_three() -> None:
    three = {"server_error", "unsupported_file", "invalid_file"}
    assert set(get_args(FileErrorCode)) == three
    assert set(get_args(get_type_hints(ExtractionError.__init__)["code"])) <= three
