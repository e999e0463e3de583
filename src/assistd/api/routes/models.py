"""Models: the names this server knows; any other name goes to the default model."""

import json

from fastapi import APIRouter

from assistd.api.access import ProjectDep, RunnerDep
from assistd.api.answers import JsonResponse
from assistd.errors import NotFoundError

router = APIRouter(prefix="/models")


def _shown(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "assistd"}


@router.get("")
async def list_models(_: ProjectDep, runner: RunnerDep) -> JsonResponse:
    """List the model names that are configured or built in."""
    data = [_shown(name) for name in runner.services.models.names()]
    return JsonResponse(json.dumps({"object": "list", "data": data}, indent=2))


@router.get("/{name:path}")
async def get_model(name: str, _: ProjectDep, runner: RunnerDep) -> JsonResponse:
    """Get a model by its name."""
    if name not in runner.services.models.names():
        raise NotFoundError(
            f"The model '{name}' does not exist", param="model", code="model_not_found"
        )
    return JsonResponse(json.dumps(_shown(name), indent=2))
