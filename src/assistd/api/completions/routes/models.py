"""Models: the names this server and its upstream know; any other name goes to the default model."""

import json

from fastapi import APIRouter

from assistd.api.access import ProjectDep
from assistd.api.json_response import JsonResponse
from assistd.api.services import Models, ModelsDep
from assistd.errors import ForbiddenError, NotFoundError

router = APIRouter(prefix="/models")


def _describe(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "assistd"}


@router.get("")
async def list_models(_: ProjectDep, models: ModelsDep) -> JsonResponse:
    """List the model names that are configured or built in, and those the upstream lists."""
    data = [_describe(name) for name in await models.names()]
    return JsonResponse(json.dumps({"object": "list", "data": data}, indent=2))


@router.get("/{name:path}")
async def get_model(name: str, _: ProjectDep, models: ModelsDep) -> JsonResponse:
    """Get a model by its name.

    Raises:
        NotFoundError: no such name is known.
    """
    await _require_known(models, name)
    return JsonResponse(json.dumps(_describe(name), indent=2))


@router.delete("/{name:path}")
async def delete_model(name: str, _: ProjectDep, models: ModelsDep) -> JsonResponse:
    """Refuse: only fine-tuned models can be deleted, and there are none.

    Raises:
        NotFoundError: no such name is known.
        ForbiddenError: it is.
    """
    await _require_known(models, name)
    raise ForbiddenError(
        f"The model '{name}' cannot be deleted: it was not made by fine-tuning.", param="model"
    )


async def _require_known(models: Models, name: str) -> None:
    if name not in await models.names():
        raise NotFoundError(
            f"The model '{name}' does not exist", param="model", code="model_not_found"
        )
