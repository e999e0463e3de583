"""The Responses API under test: what holds of each of its streams, and its specification as a judge."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import referencing
import yaml
from referencing.jsonschema import DRAFT202012

from tests.live.specification import Specification
from tests.live.wire import Event

PATH = Path(__file__).parents[3] / "shared/reference/openapi-responses-containers.yaml"

Schemas = dict[str, Any]

TERMINAL = {"response.completed", "response.failed", "response.incomplete"}
NEVER_NULL = (
    "temperature", "top_p", "frequency_penalty", "presence_penalty", "top_logprobs", "tool_choice",
    "truncation", "background", "service_tier", "tools", "parallel_tool_calls", "store", "text", "object",
    "output", "metadata",
)  # fmt: skip
"""Contract, responses, section 4.2."""
_PREFIXES = {
    "message": "msg", "code_interpreter_call": "ci", "function_call": "fc", "reasoning": "rs",
    "file_search_call": "fs",
}  # fmt: skip


class ResponsesSpecification(Specification):
    """The part of the official specification about responses, conversations and containers.

    Args:
        path: where it is.
        corrections: which of `CORRECTIONS` to make; None: all.
    """

    def __init__(self, path: Path = PATH, corrections: Iterable[str] | None = None) -> None:
        document = yaml.load(path.read_text(), yaml.CSafeLoader)
        schemas = document["components"]["schemas"]
        for name in CORRECTIONS if corrections is None else corrections:
            CORRECTIONS[name][1](schemas)
        resource = referencing.Resource.from_contents(document, DRAFT202012)
        self._registry = referencing.Registry().with_resource("urn:spec", resource)
        self._paths = [
            (re.compile(re.sub(r"{\w+}", "[^/]+", template) + "$"), template)
            for template in sorted(document["paths"], key=lambda path: path.count("{"))
        ]
        self._operations = document["paths"]
        self._schemas = schemas
        self._events = {
            schemas[name]["properties"]["type"]["enum"][0]: f"#/components/schemas/{name}"
            for name in _names(schemas["ResponseStreamEvent"])
        }


def _names(union: dict[str, Any]) -> list[str]:
    return [each["$ref"].rpartition("/")[2] for each in union["anyOf"]]


def _nest_error(schemas: Schemas) -> None:
    """The error stands in a member of its own."""
    event = schemas["ResponseErrorEvent"]
    event["properties"] = {
        "type": event["properties"]["type"],
        "sequence_number": {"type": "integer"},
        "error": {"type": "object", "required": ["type", "code", "message", "param"]},
    }
    event["required"] = ["type", "sequence_number", "error"]


def _pass_codes_on(schemas: Schemas) -> None:
    """Codes of errors of HTTP are codes of responses, too; `insufficient_quota` was recorded."""
    schemas["ResponseErrorCode"]["enum"] += ["context_length_exceeded", "model_not_found"]


def _let_user_be_null(schemas: Schemas) -> None:
    """It is null in every recording."""
    shared = schemas["ModelResponseProperties"]["properties"]
    shared["user"] = {"type": ["string", "null"]}


def _let_usage_be_null(schemas: Schemas) -> None:
    """It is null before the end, and of what failed or was cancelled."""
    for part in schemas["Response"]["allOf"]:
        if "usage" in part.get("properties", {}):
            part["properties"]["usage"] = _or_null(part["properties"]["usage"])


def _let_description_be_null(schemas: Schemas) -> None:
    """It is echoed as null where the schema of an answer has none."""
    wanted = schemas["TextResponseFormatJsonSchema"]["properties"]
    wanted["description"] = _or_null(wanted["description"])


def _let_lists_be_empty(schemas: Schemas) -> None:
    """An empty list has no ids."""
    for schema in schemas.values():
        properties = schema.get("properties", {})
        if "data" in properties and "has_more" in properties:
            for cursor in properties.keys() & {"first_id", "last_id"}:
                properties[cursor] = {"type": ["string", "null"]}


CORRECTIONS: dict[str, tuple[str, Callable[[Schemas], None]]] = {
    "the error event": ("6.0", _nest_error),
    "the code of an error": ("9", _pass_codes_on),
    "the user of a response": ("2.1", _let_user_be_null),
    "the usage of a response": ("4.2", _let_usage_be_null),
    "the description of a schema": ("2.1", _let_description_be_null),
    "the ids of an empty list": ("2", _let_lists_be_empty),
}
"""What the live service did otherwise, with the section that says so (contract, responses)."""


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def names(events: Iterable[Event]) -> list[str]:
    """The names of the events in order, each without `response.`; deltas that follow each other are one."""
    short = [event.name.removeprefix("response.") for event in events]
    return [
        name
        for before, name in zip(["", *short], short, strict=False)
        if not (name == before and name.endswith(".delta"))
    ]


def assert_sound(events: list[Event]) -> None:
    """What holds of every stream of a response, whatever happens in it (contract, responses, section 6)."""
    if not events:
        return  # it was asked for from behind the last
    numbers = [event.data["sequence_number"] for event in events]
    assert numbers == list(range(numbers[0], numbers[0] + len(events))), "numbers have no gaps"
    assert all(event.data["type"] == event.name for event in events)
    assert [event.name in TERMINAL for event in events] == [False] * (len(events) - 1) + [True]
    for event in events:
        if "response" in event.data:
            assert_sound_response(event.data["response"])
    if numbers[0]:
        return  # the beginning of the story is told elsewhere
    assert events[0].name == "response.created"
    assert len({e.data["response"]["id"] for e in events if "response" in e.data}) == 1
    _assert_sound_items(events)


def assert_sound_response(response: dict[str, Any]) -> None:
    """What holds of a response in every state."""
    assert {name: response[name] for name in NEVER_NULL if response[name] is None} == {}
    assert (response["completed_at"] is not None) == (response["status"] == "completed")
    assert (response["error"] is not None) == (response["status"] == "failed")
    has_usage = response["status"] in {"completed", "incomplete"}
    assert (response["usage"] is not None) == has_usage
    assert re.fullmatch("resp_[0-9a-f]{50}", response["id"])
    for item in response["output"]:
        assert re.fullmatch(f"{_PREFIXES[item['type']]}_[0-9a-f]{{50}}", item["id"])
        if item["type"] == "function_call":
            assert re.fullmatch("call_[0-9A-Za-z]{24}", item["call_id"])


def _assert_sound_items(events: list[Event]) -> None:
    """Items come one after the other, and each is whole in the end."""
    opened: list[str] = []
    done: dict[str, Any] = {}
    texts = Counter[tuple[str, str, int]]()
    said: dict[tuple[str, str, int], str] = {}
    for event in events:
        data = event.data
        if event.name == "response.output_item.added":
            assert set(opened) == set(done), "an item begins when the one before it is done"
            assert data["output_index"] == len(opened)
            opened.append(data["item"]["id"])
        elif event.name == "response.output_item.done":
            assert data["item"]["id"] == opened[-1]
            done[opened[-1]] = data["item"]
        elif "item_id" in data:
            assert data["item_id"] == opened[-1]
            assert data["item_id"] not in done
            kind = "summary_index" if "summary_index" in data else "content_index"
            place = data["item_id"], kind, data.get(kind, 0)
            if event.name.endswith(".delta"):
                assert data["delta"], "no delta is empty"
                said[place] = said.get(place, "") + data["delta"]
            for whole in ("text", "code", "arguments", "refusal"):
                if event.name.endswith(".done") and isinstance(data.get(whole), str):
                    texts[place] += 1
                    assert data[whole] == said.get(place, "")
    assert set(texts.values()) <= {1}
    last = events[-1].data["response"]
    if last["status"] != "cancelled":
        assert last["output"] == [done[each] for each in opened]
