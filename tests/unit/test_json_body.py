"""Bodies of JSON: large ones are read as small ones are, but in a thread, and only so many values."""

import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistd.api.framework import json_body
from assistd.errors import RequestError

ROOM = b" " * (64 << 10)  # white space that makes a body a large one

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


@given(values, st.sampled_from(["utf-8", "utf-16", "utf-32"]), st.booleans())
def test_a_large_body_means_what_a_small_one_does(
    value: object, encoding: str, escaped: bool
) -> None:
    text = json.dumps(value, ensure_ascii=escaped) + ROOM.decode()
    data = text.encode(encoding, "surrogatepass")
    assert json_body.loads(data) == json.loads(data) == value


@pytest.mark.parametrize("broken", [b"{", b"[1,]", b'{"a" 1}', b'"\\x"', b"\xff", b"1" * 5000])
def test_a_large_body_is_wrong_where_a_small_one_is(broken: bytes) -> None:
    with pytest.raises(ValueError) as small:  # noqa: PT011  of whatever kind
        json_body.loads(broken)
    with pytest.raises(type(small.value)):
        json_body.loads(ROOM + broken)


def test_endless_depth_is_noticed_at_any_size() -> None:
    for room in (b"", ROOM):
        with pytest.raises(RecursionError):
            json_body.loads(room + b'{"a":' * 5000 + b"1" + b"}" * 5000)


@pytest.mark.parametrize("bomb", [b"1,", b"[],", b"{},", b"null,", b'"",', b'{"a":{"b":1}},'])
def test_a_large_body_of_too_many_values_is_refused(bomb: bytes) -> None:
    with pytest.raises(RequestError, match="more than 20000 values"):
        json_body.loads(b"[" + bomb * 100_000 + b"1]")


@pytest.mark.anyio
async def test_only_large_bodies_are_handled_beside_the_event_loop() -> None:
    here = threading.get_ident()

    def where(_: bytes) -> int:
        return threading.get_ident()

    assert await json_body.handle_body(b"{}", where) == here
    assert await json_body.handle_body(b"{}" + ROOM, where) != here
