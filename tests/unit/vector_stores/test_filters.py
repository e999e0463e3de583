"""Filters of searches: every operator against every kind of value, nested, and refused where they are wrong."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistd.engine.policy import Policy
from assistd.engine.vector_stores.filters import Filter
from assistd.engine.vector_stores.filters import parse_filter as parse
from assistd.errors import RequestError


def parse_filter(value: object) -> Filter:
    return parse(value, Policy())


FILE: dict[str, Any] = {"year": 2024, "ratio": 0.5, "lang": "en", "draft": True}


@pytest.mark.parametrize(
    ("operator", "key", "value", "matches"),
    [
        ("eq", "year", 2024, True),
        ("eq", "year", 2024.0, True),
        ("eq", "year", 2023, False),
        ("eq", "lang", "en", True),
        ("eq", "lang", "EN", False),
        ("eq", "draft", True, True),
        ("ne", "year", 2023, True),
        ("ne", "year", 2024, False),
        ("gt", "year", 2023, True),
        ("gt", "year", 2024, False),
        ("gte", "year", 2024, True),
        ("lt", "ratio", 0.6, True),
        ("lte", "ratio", 0.5, True),
        ("lte", "ratio", 0.4, False),
        ("gt", "lang", "de", True),
        ("lt", "lang", "de", False),
        ("in", "lang", ["de", "en"], True),
        ("in", "lang", ["de"], False),
        ("in", "lang", [], False),
        ("in", "year", [2024], True),
        ("nin", "lang", ["de"], True),
        ("nin", "lang", ["de", "en"], False),
        ("nin", "lang", [], True),
    ],
)
def test_each_operator(operator: str, key: str, value: Any, matches: bool) -> None:
    assert parse_filter({"type": operator, "key": key, "value": value}).matches(FILE) is matches


@pytest.mark.parametrize(
    ("attribute", "value"), [(1, "1"), (1, True), (True, 1), (0, False), ("true", True), ("1", 1)]
)
def test_search_trap_30_a_value_equals_only_one_of_its_own_kind(attribute: Any, value: Any) -> None:
    file = {"key": attribute}
    assert not parse_filter({"type": "eq", "key": "key", "value": value}).matches(file)
    assert not parse_filter({"type": "in", "key": "key", "value": [value]}).matches(file)
    assert parse_filter({"type": "ne", "key": "key", "value": value}).matches(file)
    assert parse_filter({"type": "nin", "key": "key", "value": [value]}).matches(file)


@pytest.mark.parametrize("operator", ["gt", "gte", "lt", "lte"])
@pytest.mark.parametrize(("attribute", "value"), [("10", 9), (10, "9"), (True, 0), (False, 1)])
def test_search_trap_30_an_order_is_only_among_values_of_one_kind(
    operator: str, attribute: Any, value: Any
) -> None:
    found = parse_filter({"type": operator, "key": "key", "value": value})
    assert not found.matches({"key": attribute})


def test_search_trap_30_strings_are_ordered_as_strings() -> None:
    assert not parse_filter({"type": "gt", "key": "key", "value": "9"}).matches({"key": "10"})


def test_search_trap_31_a_missing_key_matches_only_what_is_negated() -> None:
    matching = {
        operator
        for operator, value in [
            ("eq", 1), ("ne", 1), ("gt", 1), ("gte", 1), ("lt", 1), ("lte", 1), ("in", [1]), ("nin", [1])
        ]
        if parse_filter({"type": operator, "key": "absent", "value": value}).matches(FILE)
    }  # fmt: skip
    assert matching == {"ne", "nin"}


def test_compounds_nest() -> None:
    english = {"type": "eq", "key": "lang", "value": "en"}
    old = {"type": "lt", "key": "year", "value": 2000}
    either = {"type": "or", "filters": [old, {"type": "and", "filters": [english, english]}]}
    assert parse_filter(either).matches(FILE)
    assert not parse_filter({"type": "and", "filters": [english, old]}).matches(FILE)


def test_eight_levels_are_read_and_nine_are_not() -> None:
    value: dict[str, Any] = {"type": "eq", "key": "lang", "value": "en"}
    for _ in range(7):
        value = {"type": "and", "filters": [value]}
    assert parse_filter(value).matches(FILE)
    with pytest.raises(RequestError, match="nested more than 8 levels deep") as raised:
        parse_filter({"type": "and", "filters": [value]})
    assert raised.value.param == "filters"


def test_a_hundred_comparisons_are_read_and_one_more_is_not() -> None:
    one = {"type": "eq", "key": "lang", "value": "en"}
    assert parse_filter({"type": "and", "filters": [one] * 100}).matches(FILE)
    with pytest.raises(RequestError, match="more than 100 comparisons"):
        parse_filter({"type": "and", "filters": [one] * 101})


MISTAKES: list[tuple[Any, str, str]] = [
    ("text", "filters", "invalid_type"),
    ([], "filters", "invalid_type"),
    ({}, "filters.type", "missing_required_parameter"),
    ({"type": "like", "key": "k", "value": 1}, "filters.type", "invalid_value"),
    ({"type": 7, "key": "k", "value": 1}, "filters.type", "invalid_type"),
    ({"type": {}, "key": "k", "value": 1}, "filters.type", "invalid_type"),
    ({"type": "eq", "value": 1}, "filters.key", "missing_required_parameter"),
    ({"type": "eq", "key": 1, "value": 1}, "filters.key", "invalid_type"),
    ({"type": "eq", "key": "k"}, "filters.value", "missing_required_parameter"),
    ({"type": "eq", "key": "k", "value": None}, "filters.value", "invalid_type"),
    ({"type": "eq", "key": "k", "value": [1]}, "filters.value", "invalid_type"),
    ({"type": "gt", "key": "k", "value": True}, "filters.value", "invalid_type"),
    ({"type": "in", "key": "k", "value": "abc"}, "filters.value", "invalid_type"),
    ({"type": "in", "key": "k", "value": ["a", [1]]}, "filters.value[1]", "invalid_type"),
    ({"type": "eq", "key": "k", "value": 1, "x": 1}, "filters.x", "unknown_parameter"),
    ({"type": "and"}, "filters.filters", "missing_required_parameter"),
    ({"type": "and", "filters": {}}, "filters.filters", "invalid_type"),
    ({"type": "or", "filters": []}, "filters.filters", "invalid_value"),
    ({"type": "or", "filters": [1]}, "filters.filters[0]", "invalid_type"),
    ({"type": "or", "filters": [], "key": "k"}, "filters.key", "unknown_parameter"),
    (
        {
            "type": "and",
            "filters": [
                {"type": "eq", "key": "k", "value": 1},
                {"type": "or", "filters": [{"type": "gt", "key": "k", "value": {}}]},
            ],
        },
        "filters.filters[1].filters[0].value",
        "invalid_type",
    ),
]


@pytest.mark.parametrize(("value", "param", "code"), MISTAKES)
def test_an_error_blames_the_path(value: Any, param: str, code: str) -> None:
    with pytest.raises(RequestError) as raised:
        parse_filter(value)
    assert (raised.value.param, raised.value.code) == (param, code)


_KEYS = st.sampled_from(["a", "b", "c"])
_SCALARS = st.one_of(
    st.sampled_from(["", "1", "true", "x", "中"]),
    st.sampled_from([0, 1, 2, 10**30]),
    st.sampled_from([0.0, 1.0, 1.5]),
    st.booleans(),
)
_LEAVES = st.one_of(
    st.fixed_dictionaries({"type": st.sampled_from(["eq", "ne"]), "key": _KEYS, "value": _SCALARS}),
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["gt", "gte", "lt", "lte"]),
            "key": _KEYS,
            "value": _SCALARS.filter(lambda value: not isinstance(value, bool)),
        }
    ),
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["in", "nin"]),
            "key": _KEYS,
            "value": st.lists(_SCALARS, max_size=3),
        }
    ),
)
_FILTERS = st.recursive(
    _LEAVES,
    lambda inner: st.fixed_dictionaries(
        {"type": st.sampled_from(["and", "or"]), "filters": st.lists(inner, min_size=1, max_size=3)}
    ),
    max_leaves=12,
)


def _depth(value: dict[str, Any]) -> int:
    return 1 + max(map(_depth, value.get("filters", [])), default=0)


@given(_FILTERS.filter(lambda value: _depth(value) <= 8), st.dictionaries(_KEYS, _SCALARS))
def test_a_filter_matches_what_its_words_say(value: Any, attributes: dict[str, Any]) -> None:
    assert parse_filter(value).matches(attributes) == _says_yes(value, attributes)


@given(_LEAVES, st.dictionaries(_KEYS, _SCALARS))
def test_a_negated_operator_matches_exactly_what_its_opposite_does_not(
    leaf: Any, attributes: dict[str, Any]
) -> None:
    opposite = {"eq": "ne", "ne": "eq", "in": "nin", "nin": "in"}.get(leaf["type"])
    if opposite:
        negated = parse_filter({**leaf, "type": opposite})
        assert negated.matches(attributes) != parse_filter(leaf).matches(attributes)


def _says_yes(value: dict[str, Any], attributes: dict[str, Any]) -> bool:
    """The words of the contract once more, said in the plainest way."""
    operator = value["type"]
    if operator == "and":
        return all(_says_yes(each, attributes) for each in value["filters"])
    if operator == "or":
        return any(_says_yes(each, attributes) for each in value["filters"])
    wanted = value["value"]
    if value["key"] not in attributes:
        return operator in {"ne", "nin"}
    given_ = attributes[value["key"]]
    if operator in {"in", "nin"}:
        return any(_is_same(given_, each) for each in wanted) == (operator == "in")
    if operator in {"eq", "ne"}:
        return _is_same(given_, wanted) == (operator == "eq")
    if (_is_number(given_) and _is_number(wanted)) or (
        isinstance(given_, str) and isinstance(wanted, str)
    ):
        sign = (given_ > wanted) - (given_ < wanted)
    else:
        return False
    return {"gt": sign > 0, "gte": sign >= 0, "lt": sign < 0, "lte": sign <= 0}[operator]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_same(one: object, other: object) -> bool:
    return one == other and (type(one) is type(other) or (_is_number(one) and _is_number(other)))
