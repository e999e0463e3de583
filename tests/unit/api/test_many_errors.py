"""A body of many wrong values has few errors: pydantic makes all of them, and one is told."""

from typing import Any, cast

import pytest
from pydantic import BaseModel, ValidationError

from assistd.api import bodies
from assistd.api.assistants import v1 as _first_door
from assistd.api.assistants.requests.messages import CreateMessage
from assistd.api.assistants.requests.threads import CreateThread
from assistd.api.completions.requests import CreateEmbeddings
from assistd.api.responses.requests.counting import CountTokens
from assistd.api.responses.requests.responses import CreateResponse
from assistd.api.responses.routes import containers as _containers
from assistd.api.responses.routes import conversations as _conversations
from assistd.api.vector_stores.requests import CreateStore

IMPORTED = (_first_door, _containers, _conversations)
MANY = 2_000
MOST = 50
SURROGATE = "\ud800"
WRONG: list[tuple[type[BaseModel], dict[str, Any]]] = [
    (CreateMessage, {"role": "user", "content": [{"type": "text", "text": 3}] * MANY}),
    (CreateMessage, {f"unknown {number}": 1 for number in range(MANY)}),
    (CreateMessage, {"metadata": {f"{number}": number for number in range(MANY)}}),
    (CreateThread, {"messages": [{"role": "user", "content": 3}] * MANY}),
    (CreateThread, {"messages": [{f"unknown {number}": 1 for number in range(MANY)}]}),
    (CreateResponse, {"input": [{"role": "user", "content": [{}] * MANY}] * MANY}),
    (CreateResponse, {"include": [3] * MANY, "metadata": dict.fromkeys(range(MANY))}),
    (CreateResponse, {f"unknown {number}": 1 for number in range(MANY)}),
    (
        CreateResponse,
        {"moderation": {f"{SURROGATE}{number}": number for number in range(MANY)}},
    ),
    (CountTokens, {"tools": [3] * MANY}),
    (CreateStore, {"file_ids": [3] * MANY}),
    (CreateEmbeddings, {"model": "m", "input": [{}] * MANY}),
    (CreateEmbeddings, {"model": "m", "input": [[{}] * MANY] * MANY}),
]


def list_bodies(above: type[BaseModel] = bodies.Body) -> list[type[BaseModel]]:
    """All bodies that were imported."""
    found = list[type[BaseModel]]()
    for each in above.__subclasses__():
        found += [each, *list_bodies(each)]
    return found


def list_unbounded(schema: Any) -> list[str]:
    """Say which lists and objects of a schema of pydantic are read on behind a wrong item."""
    if isinstance(schema, list):
        return [name for each in cast("list[Any]", schema) for name in list_unbounded(each)]
    if not isinstance(schema, dict):
        return []
    node = cast("dict[str, Any]", schema)
    found = [name for value in node.values() for name in list_unbounded(value)]
    kind, items = node.get("type"), node.get("items_schema", {"type": "any"})
    is_many = kind == "dict" or (kind == "list" and items["type"] != "any")
    return [*found, repr(node)[:200]] if is_many and not node.get("fail_fast") else found


@pytest.mark.parametrize("body", [*list_bodies(), CreateEmbeddings], ids=lambda body: body.__name__)
def test_no_list_is_read_on_behind_a_wrong_item(body: type[BaseModel]) -> None:
    assert list_unbounded(body.__pydantic_core_schema__) == []


@pytest.mark.parametrize(("body", "sent"), WRONG)
def test_many_wrong_values_are_few_errors(body: type[BaseModel], sent: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as raised:
        body.model_validate(sent)
    assert raised.value.error_count() <= MOST
