"""Assistants: create, list, get, modify, delete."""

from fastapi import APIRouter, Request

from assistd.api.access import ProjectDep
from assistd.api.assistants.requests.assistants import CreateAssistant, ModifyAssistant
from assistd.api.assistants.v1 import is_v1
from assistd.api.json_response import Deleted, JsonResponse, respond_with_list
from assistd.api.pages import PageQuery
from assistd.api.services import DatabaseDep, IndexerDep, PolicyDep
from assistd.db import nouns
from assistd.engine.assistants import assistants, attached_files

router = APIRouter(prefix="/assistants")


@router.post("")
async def create_assistant(
    body: CreateAssistant,
    request: Request,
    *,
    project: ProjectDep,
    database: DatabaseDep,
    policy: PolicyDep,
    indexer: IndexerDep,
) -> JsonResponse:
    """Make an assistant."""
    assistant, store = body.assistant()
    create = attached_files.create_assistant if is_v1(request) else assistants.create
    assistant = await database.run(create, project.id, assistant, store, policy)
    if assistant.tool_resources.store_ids:
        indexer.wake()
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
    assistant_id: str,
    body: ModifyAssistant,
    request: Request,
    *,
    project: ProjectDep,
    database: DatabaseDep,
    policy: PolicyDep,
) -> JsonResponse:
    """Change the fields that are sent."""
    if is_v1(request):
        modify = attached_files.modify_assistant
        assistant = await database.run(modify, project.id, assistant_id, body.apply, policy)
    else:
        assistant = await database.run(assistants.modify, project.id, assistant_id, body.apply)
    return JsonResponse(assistant.rest())


@router.delete("/{assistant_id}")
async def delete_assistant(
    assistant_id: str, project: ProjectDep, database: DatabaseDep
) -> JsonResponse:
    """Delete an assistant; its runs go on."""
    await database.run(assistants.delete, project.id, assistant_id)
    return JsonResponse(Deleted(id=assistant_id, object="assistant.deleted").rest())
