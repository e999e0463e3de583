"""Members are found where a JSON reader finds them, in whatever they stand."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistd.api.completions.json_members import find_members

TEXT = st.text(alphabet=st.sampled_from('a"\\{}[]:,\n \u00e9\U0001f600'))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
)
MIB = 1 << 20


@given(
    st.dictionaries(TEXT, VALUES, max_size=5),
    st.booleans(),
    st.sampled_from([None, 1, "\t"]),
)
def test_every_member_is_found_with_its_value(
    value: dict[str, Any], ascii_only: bool, indent: int | str | None
) -> None:
    data = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    members = find_members(b" \n" + data + b"\r\n")
    found = [(each.name, json.loads((b" \n" + data)[each.start : each.end])) for each in members]
    assert found == list(value.items())


def test_names_that_come_twice_are_found_twice() -> None:
    assert [each.name for each in find_members(b'{"a":1,"\\u0061":2}')] == ["a", "a"]


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"7", b"{", b'{"a', b'{"a"', b'{"a":', b'{"a":}', b'{"a":1', b'{"a":1,', b'{"a":1,}',
        b'{"a" 1}', b'{a:1}', b'{"a":[}', b'{"a":["}', b'{"a":"\\"}', b'{"a":1}}', b'{"a":1} x',
        b'{"\xff":1}', b'{"a\n":1}', b"\xef\xbb\xbf{}", '{"a":1}'.encode("utf-16"),
    ],
)  # fmt: skip
def test_what_is_broken_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        find_members(data)


@pytest.mark.parametrize(
    ("start", "repeated", "times", "end", "count"),
    [
        (b'{"a":"', b"x", 32 * MIB, b'"}', 1),
        (b'{"a":"', b'\\"', 16 * MIB, b'"}', 1),
        (b'{"a":[', b'"",', 10 * MIB, b"1]}", 1),
        (b'{"a":[', b"1,", 16 * MIB, b"1]}", 1),
        (b'{"a":', b"[", 32 * MIB, b"", None),
        (b'{"a":[', b"[],", 10 * MIB, b"1]}", None),
        (b'{"a":1', b',"":1', 6 * MIB, b"}", None),
    ],
    ids=["string", "escapes", "strings", "numbers", "depth", "brackets", "members"],
)
def test_the_largest_body_costs_a_bounded_time(
    start: bytes, repeated: bytes, times: int, end: bytes, count: int | None
) -> None:
    data = start + repeated * times + end
    began = time.thread_time()
    if count is None:
        with pytest.raises(ValueError, match="too many"):
            find_members(data)
    else:
        assert len(find_members(data)) == count
    assert time.thread_time() - began < 5
