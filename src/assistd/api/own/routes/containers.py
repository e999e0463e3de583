"""The sessions of containers."""

from typing import Annotated

from fastapi import APIRouter, Depends

from assistd.api.access import ProjectDep
from assistd.api.json_response import Deleted, JsonResponse
from assistd.api.own.bodies import SessionBody
from assistd.api.services import RunnerDep
from assistd.db import nouns
from assistd.engine import kept_variables, live_sessions
from assistd.engine.services import Services

router = APIRouter(prefix="/containers")


async def require_container(container_id: str, project: ProjectDep, runner: RunnerDep) -> Services:
    """Return what its session and its variables are looked at with, once the container was found.

    Raises:
        NotFoundError: the project has no such container.
    """
    await runner.services.database.run(nouns.containers.get, container_id, project_id=project.id)
    return runner.services


ContainerServices = Annotated[Services, Depends(require_container)]


@router.get("/{container_id}/session")
async def get_container_session(container_id: str, services: ContainerServices) -> JsonResponse:
    """Get the session of a container; to ask for it does not let the container live on."""
    return JsonResponse((await live_sessions.describe(services, container_id)).rest())


@router.post("/{container_id}/session")
async def resize_container_session(
    container_id: str, body: SessionBody, project: ProjectDep, runner: RunnerDep
) -> JsonResponse:
    """Give the sessions of a container another memory; one that lives ends once no cell runs, and variables stay."""
    resize = live_sessions.resize_of_container
    state = await resize(runner.services, project.id, container_id, body.memory_limit)
    return JsonResponse(state.rest())


@router.delete("/{container_id}/session")
async def end_container_session(container_id: str, services: ContainerServices) -> JsonResponse:
    """End the session of a container; its files stay, and the next call opens another."""
    return JsonResponse((await live_sessions.end(services, container_id)).rest())


@router.get("/{container_id}/variables")
async def get_container_variables(container_id: str, services: ContainerServices) -> JsonResponse:
    """Get which variables are kept for the next session of a container, by name and size."""
    return JsonResponse((await kept_variables.get(services, container_id)).rest())


@router.delete("/{container_id}/variables")
async def delete_container_variables(
    container_id: str, services: ContainerServices
) -> JsonResponse:
    """Forget the variables that are kept for the next session of a container."""
    await kept_variables.delete(services, container_id)
    return JsonResponse(Deleted(id=container_id, object="assistd.variables.deleted").rest())
