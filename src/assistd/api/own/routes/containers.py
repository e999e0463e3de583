"""The sessions of containers."""

from fastapi import APIRouter

from assistd.api.access import ProjectDep
from assistd.api.json_response import Deleted, JsonResponse
from assistd.api.own.bodies import SessionBody
from assistd.api.services import RunnerDep
from assistd.db import nouns
from assistd.engine import kept_variables, live_sessions

router = APIRouter(prefix="/containers")


@router.get("/{container_id}/session")
async def get_container_session(
    container_id: str, project: ProjectDep, runner: RunnerDep
) -> JsonResponse:
    """Get the session of a container; to ask for it does not let the container live on."""
    services = runner.services
    await services.database.run(nouns.containers.get, container_id, project_id=project.id)
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
async def end_container_session(
    container_id: str, project: ProjectDep, runner: RunnerDep
) -> JsonResponse:
    """End the session of a container; its files stay, and the next call opens another."""
    services = runner.services
    await services.database.run(nouns.containers.get, container_id, project_id=project.id)
    return JsonResponse((await live_sessions.end(services, container_id)).rest())


@router.get("/{container_id}/variables")
async def get_container_variables(
    container_id: str, project: ProjectDep, runner: RunnerDep
) -> JsonResponse:
    """Get which variables are kept for the next session of a container, by name and size."""
    services = runner.services
    await services.database.run(nouns.containers.get, container_id, project_id=project.id)
    return JsonResponse((await kept_variables.get(services, container_id)).rest())


@router.delete("/{container_id}/variables")
async def delete_container_variables(
    container_id: str, project: ProjectDep, runner: RunnerDep
) -> JsonResponse:
    """Forget the variables that are kept for the next session of a container."""
    services = runner.services
    await services.database.run(nouns.containers.get, container_id, project_id=project.id)
    await kept_variables.delete(services, container_id)
    return JsonResponse(Deleted(id=container_id, object="assistd.variables.deleted").rest())
