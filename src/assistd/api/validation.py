"""Says what is wrong with a request in the words of the hosted service (contract section 9)."""

from collections.abc import Callable, Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic_core import PydanticCustomError

NOT_JSON = "We could not parse the JSON body of your request. The request body must be valid JSON in UTF-8."

Explanation = tuple[str, str | None, str | None]
"""Message, param and code of an error."""

_WORDED = "worded"

_EXPECTED = {
    "string_type": "a string",
    "string_unicode": "a string of valid Unicode",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "int_parsing": "an integer",
    "float_type": "a decimal",
    "float_parsing": "a decimal",
    "finite_number": "a finite decimal",
    "bool_type": "a boolean",
    "bool_parsing": "a boolean",
    "list_type": "an array",
    "tuple_type": "an array",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
}
_KINDS: dict[type, str] = {
    type(None): "null",
    bool: "a boolean",
    int: "an integer",
    float: "a decimal",
    str: "a string",
    list: "an array",
    tuple: "an array",
}
_BOUNDS = {
    "less_than_equal": ("le", "above maximum", "<=", "above_max_value"),
    "greater_than_equal": ("ge", "below minimum", ">=", "below_min_value"),
}
_LENGTHS = {
    "string_too_long": ("string", "long", "max_length", "string_above_max_length"),
    "string_too_short": ("string", "short", "min_length", "string_below_min_length"),
    "too_long": ("array", "long", "max_length", "array_above_max_length"),
    "too_short": ("array", "short", "min_length", "array_below_min_length"),
}


def make_error(
    message: str, *, code: str = "invalid_value", member: str = ""
) -> PydanticCustomError:
    """Return an error for a validator to raise that has a message of its own.

    Args:
        message: the whole of it; `{param}` in it stands for the path of the parameter.
        code: the code of the error; empty for none.
        member: what of the validated object is wrong, if it is not all of it.
    """
    return PydanticCustomError(
        _WORDED, "{message}", {"message": message, "code": code, "member": member}
    )


def explain(error: RequestValidationError) -> Explanation:
    """Return the message, param and code for the most telling of the errors pydantic found."""
    found = error.errors()
    if any(each["type"] == "json_invalid" for each in found):
        return NOT_JSON, None, None
    paths = [(_path(each, error.body), each) for each in found]
    # Of a union's branches, the one that got furthest is the one that was meant; at one place, the
    # one that took the type and found something else wrong.
    path, worst = max(paths, key=lambda pair: (len(pair[0]), pair[1]["type"] not in _EXPECTED))
    if worst["type"] in _EXPECTED:
        kinds = [_EXPECTED[each["type"]] for at, each in paths if at == path]
        return _type(_join_path(path), worst, " or ".join(dict.fromkeys(kinds)))
    return _words(_join_path(path), worst)


def _words(param: str | None, error: dict[str, Any]) -> Explanation:
    say = _SAY.get(error["type"])
    if say:
        return say(param, error)
    words = error["msg"].removeprefix("Value error, ")
    return f"Invalid '{param}': {words}.", param, "invalid_value"


def _missing(param: str | None, _: dict[str, Any]) -> Explanation:
    if param is None:
        return "The request body must be a JSON object.", None, None
    return f"Missing required parameter: '{param}'.", param, "missing_required_parameter"


def _explain_unknown(param: str | None, _: dict[str, Any]) -> Explanation:
    return f"Unknown parameter: '{param}'.", param, "unknown_parameter"


def _type(param: str | None, error: dict[str, Any], expected: str) -> Explanation:
    given: object = error["input"]
    got = _KINDS.get(type(given), "an object")
    where = f"'{param}'" if param else "the request body"
    message = f"Invalid type for {where}: expected {expected}, but got {got} instead."
    return message, param, "invalid_type"


def _value(param: str | None, error: dict[str, Any]) -> Explanation:
    context = error["ctx"]
    given = context.get("tag", error["input"])
    supported = context.get("expected") or " or ".join(context["expected_tags"].rsplit(", ", 1))
    supported = supported.replace(" or ", " and ")
    message = f"Invalid value: '{given}'. Supported values are: {supported}."
    return message, param, "invalid_value"


def _length(param: str | None, error: dict[str, Any]) -> Explanation:
    if _is_name(error):
        return _name_length(param, error)
    noun, adjective, bound, code = _LENGTHS[error["type"]]
    limit, length = error["ctx"][bound], len(error["input"])
    if isinstance(error["input"], dict):
        message = (
            f"Invalid '{param}': too many properties. Expected an object with at most {limit} "
            f"properties, but got an object with {length} properties instead."
        )
        return message, param, "object_above_max_properties"
    word = "maximum" if bound == "max_length" else "minimum"
    article = "an" if noun == "array" else "a"
    message = (
        f"Invalid '{param}': {noun} too {adjective}. Expected {article} {noun} with {word} length "
        f"{limit}, but got {article} {noun} with length {length} instead."
    )
    return message, param, code


def _name_length(param: str | None, error: dict[str, Any]) -> Explanation:
    name, limit = error["input"], error["ctx"]["max_length"]
    owner = (param or "").removesuffix(f".{name}")
    message = (
        f"Invalid property name in '{owner}': '{name[:3]}...{name[-3:]}' is too long. Expected a string "
        f"with maximum length {limit}, but got a string with length {len(name)} instead."
    )
    return message, param, "property_name_above_max_length"


def _explain_bound(param: str | None, error: dict[str, Any]) -> Explanation:
    name, words, sign, code = _BOUNDS[error["type"]]
    limit = error["ctx"][name]
    noun = "integer" if isinstance(limit, int) else "decimal"
    message = (
        f"Invalid '{param}': {noun} {words} value. Expected a value {sign} {limit:g}, "
        f"but got {error['input']} instead."
    )
    return message, param, f"{noun}_{code}"


def _pattern(param: str | None, error: dict[str, Any]) -> Explanation:
    message = (
        f"Invalid '{param}': string does not match pattern. Expected a string that matches the "
        f"pattern '{error['ctx']['pattern']}'."
    )
    return message, param, "invalid_value"


def _repeat_words(param: str | None, error: dict[str, Any]) -> Explanation:
    context = error["ctx"]
    return context["message"].replace("{param}", param or ""), param, context["code"] or None


_SAY: dict[str, Callable[[str | None, dict[str, Any]], Explanation]] = {
    "missing": _missing,
    "union_tag_not_found": _missing,
    "extra_forbidden": _explain_unknown,
    "literal_error": _value,
    "union_tag_invalid": _value,
    "string_pattern_mismatch": _pattern,
    _WORDED: _repeat_words,
    **dict.fromkeys(_LENGTHS, _length),
    **dict.fromkeys(_BOUNDS, _explain_bound),
}


def _path(error: dict[str, Any], body: Any) -> list[str | int]:
    """Return the location within the body, without the names of union branches pydantic mixes in."""
    root, *steps = error["loc"]
    if _is_name(error):
        return steps[:-1]
    if root != "body":
        return steps
    absent = steps[-1:] if error["type"] == "missing" else []
    found = _walk(steps[: len(steps) - len(absent)], body, error["input"])
    found = steps if found is None else found
    if error["type"] in {"union_tag_not_found", "union_tag_invalid"}:
        return [*found, "type"]
    member = error["ctx"]["member"] if error["type"] == _WORDED else ""
    return [*found, member] if member else [*found, *absent]


def _is_name(error: dict[str, Any]) -> bool:
    """Tell whether it is the name of a member that is wrong, not its value."""
    return error["loc"][-2:] == (error["input"], "[key]")


def _walk(steps: list[str | int], value: Any, goal: Any) -> list[str | int] | None:
    """Return those of the steps that lead from a value to the goal; None where none do."""
    if not steps:
        return [] if value is goal or value == goal else None
    step, *others = steps
    try:
        onward = _walk(others, value[step], goal)
    except (TypeError, LookupError):
        onward = None
    # A step that leads nowhere, or astray, is the name of a branch.
    return _walk(others, value, goal) if onward is None else [step, *onward]


def _join_path(path: Sequence[str | int]) -> str | None:
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".") or None
