"""Completions: a client's own questions, passed on to who answers for the model's name (decision 0045)."""

import json
from dataclasses import dataclass

from fastapi import APIRouter, Request

from assistd.api.access import CallerDep
from assistd.api.completions.json_members import Member, find_members
from assistd.api.completions.urls import require_allowed_urls
from assistd.api.framework import json_body
from assistd.api.relay import Relay, run_while_connected
from assistd.api.services import Meter, MeterDep, Models, ModelsDep, PolicyDep
from assistd.api.validation import NOT_JSON
from assistd.engine.policy import Policy
from assistd.errors import RequestError
from assistd.objects.project import Caller

router = APIRouter()

_LONGEST_NAME = 1024  # bytes


@router.post("/chat/completions")
async def create_chat_completion(
    request: Request, caller: CallerDep, models: ModelsDep, meter: MeterDep, policy: PolicyDep
) -> Relay:
    """Have a model answer messages."""
    asking = _Asking(caller, models, meter, policy)
    return await _pass_on(request, asking, "/chat/completions")


@router.post("/completions")
async def create_completion(
    request: Request, caller: CallerDep, models: ModelsDep, meter: MeterDep, policy: PolicyDep
) -> Relay:
    """Have a model go on with a text, where its server can."""
    asking = _Asking(caller, models, meter, policy)
    return await _pass_on(request, asking, "/completions")


@dataclass(frozen=True, slots=True)
class _Asking:
    """Who asks, and what it takes to pass that on."""

    caller: Caller
    models: Models
    meter: Meter
    policy: Policy


async def _pass_on(request: Request, asking: _Asking, path: str) -> Relay:
    # Not `request.body()`, which would keep it for as long as the answer takes.
    body = b"".join([chunk async for chunk in request.stream()])
    private = asking.policy.private_image_urls
    members = await json_body.handle_body(body, _find_models, private) if body else []
    name = request.scope.get("azure_deployment") or _read_name(body, members)
    backend = asking.models.pass_through(name)
    if backend.model != name or len(members) != 1 or "azure_deployment" in request.scope:
        body = _replace_model(body, members, backend.model)
    caller = asking.caller
    count = asking.meter(name, caller.project.id, key_id=caller.key_id)
    return Relay(await run_while_connected(request, backend.ask(path, body, count)))


def _find_models(body: bytes, private: bool) -> list[Member]:  # noqa: FBT001  passed on by position
    """Return all members that some reader, Go's among them, may take for the name of the model.

    Raises:
        RequestError: the body is no object of JSON, or has addresses that may not be passed on.
    """
    try:
        members = find_members(body)
        messages = [each for each in members if each.name.lower() == "messages"]
        require_allowed_urls(body, messages, private=private)
        return [each for each in members if each.name.lower() == "model"]
    except (ValueError, RecursionError) as error:
        raise RequestError(NOT_JSON) from error


def _read_name(body: bytes, models: list[Member]) -> str:
    """Return the name of the model that a body asks for: the last one given, as JSON's readers have it."""
    given = [body[each.start : each.end] for each in models if each.name == "model"]
    if not given:
        raise RequestError(
            "Missing required parameter: 'model'.", param="model", code="missing_required_parameter"
        )
    if not given[-1].startswith(b'"'):
        raise RequestError(
            "Invalid type for 'model': expected a string.", param="model", code="invalid_type"
        )
    if len(given[-1]) > _LONGEST_NAME:
        raise RequestError(
            f"Invalid 'model': string too long. Expected {_LONGEST_NAME} bytes at most.",
            param="model",
            code="string_above_max_length",
        )
    try:
        return json.loads(given[-1].decode())
    except ValueError as error:
        raise RequestError(NOT_JSON) from error


def _replace_model(body: bytes, models: list[Member], name: str) -> bytes:
    """Return a body that asks for another model and is the same otherwise."""
    value = json.dumps(name).encode()
    if not models:
        rest = body.lstrip().removeprefix(b"{").lstrip() or b"}"
        return b'{"model": ' + value + (b"" if rest.startswith(b"}") else b", ") + rest
    pieces: list[bytes] = []
    at = 0
    for each in models:
        pieces += [body[at : each.start], value]
        at = each.end
    return b"".join([*pieces, body[at:]])
