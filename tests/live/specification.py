"""The official specification as a judge of answers and events, corrected where recordings differ.

It is not part of the repository: without it there is no judge, and the test of this module says so.
"""

import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import referencing
import yaml
from referencing.jsonschema import DRAFT202012

from tests.live.wire import Event, Exchange

PATH = Path(__file__).parents[3] / "shared/reference/openapi-assistants.yaml"

_PREFIX = re.compile(r"^(/v1|/openai(/v1|/deployments/[^/]+)?)")


class Specification:
    """The specification, read once."""

    def __init__(self, path: Path = PATH) -> None:
        document = _nullable(yaml.load(path.read_text(), yaml.CSafeLoader))
        schemas = document["components"]["schemas"]
        _correct(schemas)
        resource = referencing.Resource.from_contents(document, DRAFT202012)
        self._registry = referencing.Registry().with_resource("urn:spec", resource)
        self._paths = [
            (re.compile(re.sub(r"{\w+}", "[^/]+", template) + "$"), template)
            for template in sorted(document["paths"], key=lambda path: path.count("{"))
        ]
        self._operations = document["paths"]
        self._schemas = schemas
        self._events = _events(schemas)

    def operations(self) -> list[tuple[str, str]]:
        """Every operation: its method, and its path with names in braces."""
        return [(m.upper(), path) for path, each in self._operations.items() for m in each]

    def fields(self, name: str) -> dict[str, bool]:
        """The properties of a request body, and whether each may be null."""
        found = self._properties(self._schemas[name])
        return {key: self._takes_null(value) for key, value in found.items()}

    def words(self, name: str, *path: str) -> list[str]:
        """The words that a property may have, or one within it."""
        schema = self._schemas[name]
        for each in path:
            schema = self._properties(schema)[each]
        return list(self._words(schema))

    def complaints(self, exchange: Exchange) -> list[str]:
        """What is wrong with an answer, or with the events of a stream."""
        if exchange.v1 and exchange.status < 400:
            return []
        if exchange.streamed:
            return [each for event in exchange.events for each in self.complaints_of(event)]
        if exchange.status >= 400:
            return self._against("#/components/schemas/ErrorResponse", exchange.json)
        template = self._template(exchange.path)
        if template is None or template.endswith("/content"):
            return []
        if exchange.method.lower() not in self._operations[template]:
            return []  # a list of threads, which API keys did not get
        answers = self._operations[template][exchange.method.lower()]["responses"]
        if "content" not in answers["200"]:
            return []  # it says nothing of what is answered
        place = template.replace("/", "~1").replace("{", "%7B").replace("}", "%7D")
        where = f"#/paths/{place}/{exchange.method.lower()}/responses/200/content"
        body = exchange.json
        if exchange.method == "POST" and template.endswith("/messages/{message_id}"):
            assert body.pop("file_ids") == []  # contract section 4: in the place of attachments
            body["attachments"] = []
        return self._against(f"{where}/application~1json/schema", body)

    def complaints_of(self, event: Event) -> list[str]:
        """What is wrong with one event."""
        if event.name not in self._events:
            return [f"unknown event {event.name}"]
        if event.name == "done":
            return [] if event.data == "[DONE]" else [f"done carries {event.data}"]
        return self._against(self._events[event.name], event.data)

    def _properties(self, schema: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for part in self._parts(schema):
            found |= self._properties(part)
        return found | schema.get("properties", {})

    def _words(self, schema: dict[str, Any]) -> Iterator[str]:
        yield from schema.get("enum", [])
        for part in self._parts(schema):
            yield from self._words(part)

    def _parts(self, schema: dict[str, Any]) -> list[dict[str, Any]]:
        if "$ref" in schema:
            return [self._schemas[schema["$ref"].rpartition("/")[2]]]
        return [each for key in ("anyOf", "oneOf", "allOf") for each in schema.get(key, [])]

    def _takes_null(self, schema: dict[str, Any]) -> bool:
        kinds = schema.get("type", [])
        return "null" in ([kinds] if isinstance(kinds, str) else kinds) or any(
            map(self._takes_null, self._parts(schema))
        )

    def _template(self, path: str) -> str | None:
        path = _PREFIX.sub("", path)
        return next((name for pattern, name in self._paths if pattern.match(path)), None)

    def _against(self, reference: str, value: Any) -> list[str]:
        errors = self._validator(reference).iter_errors(value)
        return [f"{reference} {error.json_path}: {error.message[:300]}" for error in errors]

    @functools.cache  # noqa: B019  one specification, a few references
    def _validator(self, reference: str) -> jsonschema.Draft202012Validator:
        return jsonschema.Draft202012Validator(
            {"$ref": f"urn:spec{reference}"}, registry=self._registry
        )


def _nullable(schema: Any) -> Any:
    """The dead keyword `nullable: true` said in the words of its own version (trap 37)."""
    if isinstance(schema, list):
        return [_nullable(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: _nullable(value) for key, value in schema.items()}
    if any(part == {"type": "null"} for part in schema.get("allOf", [])):
        rest = [part for part in schema.pop("allOf") if part != {"type": "null"}]
        return {"anyOf": [{**schema, "allOf": rest}, {"type": "null"}]}
    if schema.get("nullable") is not True:
        return schema
    del schema["nullable"]
    return {"anyOf": [schema, {"type": "null"}]} if schema else {"type": "null"}


def _correct(schemas: dict[str, Any]) -> None:
    """What the live service did otherwise (contract section 4)."""
    run = schemas["RunObject"]
    run["properties"]["instructions"] = {"type": ["string", "null"]}
    for tokens in ("max_prompt_tokens", "max_completion_tokens"):
        run["properties"][tokens] = {"type": ["integer", "null"], "minimum": 1}
    step = schemas["RunStepObject"]
    step["required"] = [n for n in step["required"] if n not in {"expired_at", "metadata"}]
    step["required"].append("expires_at")
    step["properties"]["expires_at"] = {"type": ["integer", "null"]}
    reason = step["properties"]["last_error"]["anyOf"][0]["properties"]["code"]
    reason["enum"] = ["server_error", "rate_limit_exceeded", "invalid_prompt"]
    for name, schema in schemas.items():
        if name.startswith("List"):  # an empty list has no ids (section 2)
            for cursor in schema["properties"].keys() & {"first_id", "last_id"}:
                schema["properties"][cursor] = {"type": ["string", "null"]}
    file = schemas["OpenAIFile"]["properties"]
    file["expires_at"] = {"type": ["integer", "null"]}
    file["status_details"] = {"type": ["string", "null"]}
    file["purpose"]["enum"] = [*file["purpose"]["enum"], "evals"]
    _correct_stores(schemas)
    schemas["ErrorEvent"]["properties"]["data"] = {"$ref": "#/components/schemas/ErrorResponse"}


def _correct_stores(schemas: dict[str, Any]) -> None:
    """What the live service did otherwise with vector stores (contract, file search, section 4)."""
    # An extra member of ours, where the description forbids any (file search, section 4).
    schemas["VectorStoreSearchResultItem"]["properties"]["page"] = {"type": "integer"}
    store = schemas["VectorStoreObject"]["properties"]
    for name in ("name", "expires_after"):
        store[name] = {"anyOf": [store[name], {"type": "null"}]}
    file = schemas["VectorStoreFileObject"]
    file["required"] = [
        n for n in file["required"] if n != "usage_bytes"
    ]  # not in lists of batches
    batch = schemas["VectorStoreFileBatchObject"]["properties"]
    batch["object"]["enum"] = ["vector_store.file_batch"]


def _events(schemas: dict[str, Any]) -> dict[str, str]:
    """Event name -> where the schema of its data stands."""
    found = {"done": ""}
    for union in (
        "ThreadStreamEvent",
        "RunStreamEvent",
        "RunStepStreamEvent",
        "MessageStreamEvent",
    ):
        for index, variant in enumerate(schemas[union]["oneOf"]):
            name = variant["properties"]["event"]["enum"][0]
            found[name] = f"#/components/schemas/{union}/oneOf/{index}/properties/data"
    found["error"] = "#/components/schemas/ErrorEvent/properties/data"
    return found
