"""Threads: create, list, get, modify, delete."""

from fastapi import APIRouter

from assistd.api.access import ProjectDep
from assistd.api.assistants.requests.threads import CreateThread, ModifyThread
from assistd.api.json_response import Deleted, JsonResponse, respond_with_list
from assistd.api.pages import PageQuery
from assistd.api.services import DatabaseDep, IndexerDep, PolicyDep, RunnerDep
from assistd.db import nouns
from assistd.engine.assistants import threads

router = APIRouter(prefix="/threads")


@router.post("")
async def create_thread(
    project: ProjectDep,
    database: DatabaseDep,
    policy: PolicyDep,
    indexer: IndexerDep,
    body: CreateThread | None = None,
) -> JsonResponse:
    """Make a thread; the body may be empty or absent (trap 32)."""
    new = (body or CreateThread()).thread()
    thread = await database.run(threads.create, project.id, new, policy)
    if new.has_searched_files:
        indexer.wake()
    return JsonResponse(thread.rest())


@router.get("")
async def list_threads(page: PageQuery, project: ProjectDep, database: DatabaseDep) -> JsonResponse:
    """List the project's threads; the hosted service kept this from API keys (contract section 2)."""
    return respond_with_list(await database.run(nouns.threads.page, page, project_id=project.id))


@router.get("/{thread_id}")
async def get_thread(thread_id: str, project: ProjectDep, database: DatabaseDep) -> JsonResponse:
    """Get a thread; unlike on create, the code interpreter's files are named even if none (trap 26)."""
    thread = await database.run(nouns.threads.get, thread_id, project_id=project.id)
    named = thread.evolve(tool_resources=thread.tool_resources.name_code_interpreter())
    return JsonResponse(named.rest())


@router.post("/{thread_id}")
async def modify_thread(
    thread_id: str, body: ModifyThread, project: ProjectDep, database: DatabaseDep
) -> JsonResponse:
    """Change a thread's files or metadata."""
    thread = await database.run(threads.modify, project.id, thread_id, body.apply)
    return JsonResponse(thread.rest())


@router.delete("/{thread_id}")
async def delete_thread(thread_id: str, project: ProjectDep, runner: RunnerDep) -> JsonResponse:
    """Delete a thread, its messages, runs and steps, and close its session; files stay.

    A run that is active is cancelled first, so that a program can clean up behind one it gave up.
    """
    await runner.delete_thread(project.id, thread_id)
    return JsonResponse(Deleted(id=thread_id, object="thread.deleted").rest())
