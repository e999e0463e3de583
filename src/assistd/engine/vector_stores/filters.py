"""Filters over the attributes of files: parsed from a request, and applied before anything is ranked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import ge, gt, le, lt
from typing import Any, Protocol, cast

from assistd.engine.policy import Policy
from assistd.errors import RequestError

AttributeValue = str | float | bool
Attributes = Mapping[str, AttributeValue]

_ORDERINGS: dict[str, Callable[[Any, Any], bool]] = {"gt": gt, "gte": ge, "lt": lt, "lte": le}
_OPERATORS = ("eq", "ne", *_ORDERINGS, "in", "nin")
_COMPOUNDS = ("and", "or")
_KINDS: dict[type, str] = {
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "an array",
}


class Filter(Protocol):
    """A condition on the attributes of a file."""

    def matches(self, attributes: Attributes) -> bool:
        """Whether a file with these attributes may be found."""
        ...


@dataclass(frozen=True, slots=True)
class _Membership:
    """`eq`, `ne`, `in` and `nin`: the value of the key is one of these, or none of them.

    A value equals only one of its own kind: 1 equals 1.0, but neither "1" nor true (contract, file search, trap 30).
    A file without the key matches where `is_negated` (contract, file search, trap 31).
    """

    key: str
    values: frozenset[tuple[str, AttributeValue]]
    is_negated: bool

    def matches(self, attributes: Attributes) -> bool:
        """See `Filter`."""
        value = attributes.get(self.key)
        is_member = value is not None and (_kind(value), value) in self.values
        return is_member != self.is_negated


@dataclass(frozen=True, slots=True)
class _Ordering:
    """`gt`, `gte`, `lt` and `lte`: numbers by size, strings by code points; other kinds never match."""

    key: str
    value: str | float
    compare: Callable[[Any, Any], bool]

    def matches(self, attributes: Attributes) -> bool:
        """See `Filter`."""
        value = attributes.get(self.key)
        is_comparable = value is not None and _kind(value) == _kind(self.value)
        return is_comparable and self.compare(value, self.value)


@dataclass(frozen=True, slots=True)
class _Compound:
    """`and` and `or`: all, or one, of these match."""

    filters: tuple[Filter, ...]
    combine: Callable[[Any], bool]

    def matches(self, attributes: Attributes) -> bool:
        """See `Filter`."""
        return self.combine(each.matches(attributes) for each in self.filters)


def parse_filter(value: object, policy: Policy, path: str = "filters") -> Filter:
    """Return the filter that JSON of a request describes (contract, file search, section 3).

    Args:
        value: a comparison or a compound.
        policy: how large it may be.
        path: what the request calls it; errors name the offending member below it.

    Raises:
        RequestError: it is none, or is too large.
    """
    return _Parser(policy, path).parse(value, path, 1)


class _Parser:
    """Parses one filter, and counts its comparisons.

    Args:
        policy: how large it may be.
        root: what the request calls the filter.
    """

    def __init__(self, policy: Policy, root: str) -> None:
        self._policy = policy
        self._root = root
        self._comparisons = 0

    def parse(self, value: object, path: str, depth: int) -> Filter:
        """Return the filter at `path`, which has `depth` - 1 filters around it."""
        if not isinstance(value, dict):
            raise _wrong_type(path, "an object", value)
        members = cast("dict[str, object]", value)
        kind = _require(members, "type", path)
        if not isinstance(kind, str):
            raise _wrong_type(f"{path}.type", "a string", kind)
        if kind in _COMPOUNDS:
            return self._parse_compound(members, path, depth)
        if kind in _OPERATORS:
            return self._parse_comparison(members, path)
        supported = ", ".join(f"'{each}'" for each in (*_OPERATORS, *_COMPOUNDS))
        raise RequestError(
            f"Invalid value: '{kind}'. Supported values are: {supported}.",
            param=f"{path}.type",
            code="invalid_value",
        )

    def _parse_compound(self, members: dict[str, object], path: str, depth: int) -> Filter:
        if depth >= self._policy.filter_levels:
            raise _invalid(self._root, f"nested more than {self._policy.filter_levels} levels deep")
        found = _require(members, "filters", path)
        _refuse_unknown(members, ("type", "filters"), path)
        where = f"{path}.filters"
        if not isinstance(found, list):
            raise _wrong_type(where, "an array", found)
        inner = cast("list[object]", found)
        if not inner:
            raise _invalid(where, "expected at least one filter")
        filters = [
            self.parse(each, f"{where}[{index}]", depth + 1) for index, each in enumerate(inner)
        ]
        return _Compound(tuple(filters), all if members["type"] == "and" else any)

    def _parse_comparison(self, members: dict[str, object], path: str) -> Filter:
        self._comparisons += 1
        if self._comparisons > self._policy.filter_comparisons:
            raise _invalid(self._root, f"more than {self._policy.filter_comparisons} comparisons")
        operator = cast("str", members["type"])
        key, value = _require(members, "key", path), _require(members, "value", path)
        _refuse_unknown(members, ("type", "key", "value"), path)
        if not isinstance(key, str):
            raise _wrong_type(f"{path}.key", "a string", key)
        where = f"{path}.value"
        if operator in _ORDERINGS:
            if _kind(value) not in {"a string", "a number"}:
                raise _wrong_type(where, "a string or a number", value)
            return _Ordering(key, cast("str | float", value), _ORDERINGS[operator])
        values = _read_array(value, where) if operator in {"in", "nin"} else [(where, value)]
        members_of = frozenset(_read_scalar(each, place) for place, each in values)
        return _Membership(key, members_of, is_negated=operator in {"ne", "nin"})


def _read_array(value: object, path: str) -> list[tuple[str, object]]:
    """Return the items of an array, each with its path."""
    if not isinstance(value, list):
        raise _wrong_type(path, "an array", value)
    items = cast("list[object]", value)
    return [(f"{path}[{index}]", item) for index, item in enumerate(items)]


def _read_scalar(value: object, path: str) -> tuple[str, AttributeValue]:
    """Return a value with its kind, which keeps apart what Python holds for equal."""
    kind = _kind(value)
    if not isinstance(value, str | int | float):
        raise _wrong_type(path, "a string, a number or a boolean", value)
    return kind, value


def _kind(value: object) -> str:
    return "null" if value is None else _KINDS.get(type(value), "an object")


def _require(members: dict[str, object], name: str, path: str) -> object:
    if name not in members:
        where = f"{path}.{name}"
        raise RequestError(
            f"Missing required parameter: '{where}'.",
            param=where,
            code="missing_required_parameter",
        )
    return members[name]


def _refuse_unknown(members: dict[str, object], known: tuple[str, ...], path: str) -> None:
    for name in members:
        if name not in known:
            where = f"{path}.{name}"
            raise RequestError(
                f"Unknown parameter: '{where}'.", param=where, code="unknown_parameter"
            )


def _wrong_type(path: str, expected: str, value: object) -> RequestError:
    return RequestError(
        f"Invalid type for '{path}': expected {expected}, but got {_kind(value)} instead.",
        param=path,
        code="invalid_type",
    )


def _invalid(path: str, words: str) -> RequestError:
    return RequestError(f"Invalid '{path}': {words}.", param=path, code="invalid_value")
