"""Containers: create, list, get, delete."""

from typing import Annotated

from fastapi import APIRouter, Query

from assistd.api.access import ProjectDep
from assistd.api.json_response import Deleted, JsonResponse
from assistd.api.responses.lists import ForwardPage, respond_with_items
from assistd.api.responses.requests.containers import NAME_PATTERN, CreateContainer
from assistd.api.services import DatabaseDep, PolicyDep, RunnerDep
from assistd.engine.responses import containers

router = APIRouter(prefix="/containers")


@router.post("")
async def create_container(
    body: CreateContainer, project: ProjectDep, database: DatabaseDep, policy: PolicyDep
) -> JsonResponse:
    """Make a container; its session is opened when code runs there."""
    new, file_ids = body.container(), body.file_ids or ()
    container = await database.run(containers.create, project.id, new, file_ids, policy)
    return JsonResponse(container.rest())


@router.get("")
async def list_containers(
    page: ForwardPage,
    project: ProjectDep,
    database: DatabaseDep,
    name: Annotated[str | None, Query(pattern=NAME_PATTERN)] = None,
) -> JsonResponse:
    """List the project's containers, expired ones too."""
    return respond_with_items(await database.run(containers.read_page, project.id, page, name))


@router.get("/{container_id}")
async def get_container(
    container_id: str, project: ProjectDep, database: DatabaseDep
) -> JsonResponse:
    """Get a container, also an expired one."""
    container = await database.run(containers.get, project.id, container_id)
    return JsonResponse(container.rest())


@router.delete("/{container_id}")
async def delete_container(
    container_id: str, project: ProjectDep, runner: RunnerDep
) -> JsonResponse:
    """Delete a container with its files; code that runs there is stopped."""
    await containers.delete(runner.services, project.id, container_id)
    deleted = Deleted(id=container_id, object="container.deleted")
    return JsonResponse(deleted.rest())
