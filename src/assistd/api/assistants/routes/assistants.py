"""Assistants: create, list, get, modify, delete."""

from fastapi import APIRouter

from assistd import clock, ids
from assistd.api.access import ProjectDep
from assistd.api.assistants.requests.assistants import CreateAssistant, ModifyAssistant
from assistd.api.json_response import Deleted, JsonResponse, respond_with_list
from assistd.api.pages import PageQuery
from assistd.api.services import DatabaseDep
from assistd.db import nouns
from assistd.engine.assistants import assistants
from assistd.objects.assistant import Assistant

router = APIRouter(prefix="/assistants")


@router.post("")
async def create_assistant(
    body: CreateAssistant, project: ProjectDep, database: DatabaseDep
) -> JsonResponse:
    """Make an assistant."""
    empty = Assistant(id=ids.new("asst"), created_at=clock.seconds(), model=body.model)
    assistant = body.apply(empty)
    await database.run(assistants.create, project.id, assistant)
    return JsonResponse(assistant.rest())


@router.get("")
async def list_assistants(
    page: PageQuery, project: ProjectDep, database: DatabaseDep
) -> JsonResponse:
    """List the project's assistants."""
    return respond_with_list(await database.run(nouns.assistants.page, page, project_id=project.id))


@router.get("/{assistant_id}")
async def get_assistant(
    assistant_id: str, project: ProjectDep, database: DatabaseDep
) -> JsonResponse:
    """Get an assistant."""
    assistant = await database.run(nouns.assistants.get, assistant_id, project_id=project.id)
    return JsonResponse(assistant.rest())


@router.post("/{assistant_id}")
async def modify_assistant(
    assistant_id: str, body: ModifyAssistant, project: ProjectDep, database: DatabaseDep
) -> JsonResponse:
    """Change the fields that are sent."""
    assistant = await database.run(assistants.modify, project.id, assistant_id, body.apply)
    return JsonResponse(assistant.rest())


@router.delete("/{assistant_id}")
async def delete_assistant(
    assistant_id: str, project: ProjectDep, database: DatabaseDep
) -> JsonResponse:
    """Delete an assistant; its runs go on."""
    await database.run(assistants.delete, project.id, assistant_id)
    return JsonResponse(Deleted(id=assistant_id, object="assistant.deleted").rest())
