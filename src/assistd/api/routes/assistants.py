"""Assistants: create, list, get, modify, delete."""

from fastapi import APIRouter

from assistd import clock, ids
from assistd.api.access import ProjectDep, RunnerDep
from assistd.api.answers import Deleted, JsonResponse, answer, answer_list
from assistd.api.pages import PageQuery
from assistd.api.requests.assistants import CreateAssistant, ModifyAssistant
from assistd.db import nouns
from assistd.engine.assistants import assistants
from assistd.objects.assistant import Assistant

router = APIRouter(prefix="/assistants")


@router.post("")
async def create_assistant(
    body: CreateAssistant, project: ProjectDep, runner: RunnerDep
) -> JsonResponse:
    """Make an assistant."""
    empty = Assistant(id=ids.new("asst"), created_at=clock.seconds(), model=body.model)
    assistant = body.apply(empty)
    await runner.services.database.run(assistants.create, project.id, assistant)
    return answer(assistant)


@router.get("")
async def list_assistants(page: PageQuery, project: ProjectDep, runner: RunnerDep) -> JsonResponse:
    """List the project's assistants."""
    database = runner.services.database
    return answer_list(await database.run(nouns.assistants.page, page, project_id=project.id))


@router.get("/{assistant_id}")
async def get_assistant(assistant_id: str, project: ProjectDep, runner: RunnerDep) -> JsonResponse:
    """Get an assistant."""
    database = runner.services.database
    return answer(await database.run(nouns.assistants.get, assistant_id, project_id=project.id))


@router.post("/{assistant_id}")
async def modify_assistant(
    assistant_id: str, body: ModifyAssistant, project: ProjectDep, runner: RunnerDep
) -> JsonResponse:
    """Change the fields that are sent."""
    database = runner.services.database
    return answer(await database.run(assistants.modify, project.id, assistant_id, body.apply))


@router.delete("/{assistant_id}")
async def delete_assistant(
    assistant_id: str, project: ProjectDep, runner: RunnerDep
) -> JsonResponse:
    """Delete an assistant; its runs go on."""
    await runner.services.database.run(assistants.delete, project.id, assistant_id)
    return answer(Deleted(id=assistant_id, object="assistant.deleted"))
