"""Threads for people: a list with titles, the session of each, and where the time of its runs went."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from assistd.api.access import ProjectDep
from assistd.api.json_response import Deleted, JsonResponse, respond_with_list
from assistd.api.own.bodies import SessionBody
from assistd.api.services import DatabaseDep, RunnerDep
from assistd.db import nouns
from assistd.db.own import threads
from assistd.engine import kept_variables, live_sessions
from assistd.engine.assistants.runs import RunKey
from assistd.engine.services import Services

router = APIRouter(prefix="/threads")


async def require_thread(thread_id: str, project: ProjectDep, runner: RunnerDep) -> Services:
    """Return what its session and its variables are looked at with, once the thread was found.

    Raises:
        NotFoundError: the project has no such thread.
    """
    await runner.services.database.run(nouns.threads.get, thread_id, project_id=project.id)
    return runner.services


ThreadServices = Annotated[Services, Depends(require_thread)]


@router.get("")
async def list_threads(
    project: ProjectDep,
    database: DatabaseDep,
    *,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    after: str | None = None,
    q: str = "",
) -> JsonResponse:
    """List the project's threads, the last used first, with titles and counts; `q` stands in the title."""
    search = threads.Search(limit, after, q.strip())
    return respond_with_list(await database.run(threads.page, project.id, search))


@router.get("/{thread_id}/session")
async def get_thread_session(thread_id: str, services: ThreadServices) -> JsonResponse:
    """Get the session of a thread: whether there is one, until when, what it takes and what it cost."""
    return JsonResponse((await live_sessions.describe(services, thread_id)).rest())


@router.post("/{thread_id}/session")
async def resize_thread_session(
    thread_id: str, body: SessionBody, project: ProjectDep, runner: RunnerDep
) -> JsonResponse:
    """Give the sessions of a thread another memory; one that lives ends once no cell runs, and variables stay."""
    resize = live_sessions.resize_of_thread
    state = await resize(runner.services, project.id, thread_id, body.memory_limit)
    return JsonResponse(state.rest())


@router.delete("/{thread_id}/session")
async def end_thread_session(thread_id: str, services: ThreadServices) -> JsonResponse:
    """End the session of a thread; its files stay, and the next call opens another."""
    return JsonResponse((await live_sessions.end(services, thread_id)).rest())


@router.get("/{thread_id}/variables")
async def get_thread_variables(thread_id: str, services: ThreadServices) -> JsonResponse:
    """Get which variables are kept for the next session of a thread, by name and size."""
    return JsonResponse((await kept_variables.get(services, thread_id)).rest())


@router.delete("/{thread_id}/variables")
async def delete_thread_variables(thread_id: str, services: ThreadServices) -> JsonResponse:
    """Forget the variables that are kept for the next session of a thread."""
    await kept_variables.delete(services, thread_id)
    return JsonResponse(Deleted(id=thread_id, object="assistd.variables.deleted").rest())


@router.get("/{thread_id}/runs/{run_id}/timeline")
async def get_run_timeline(
    thread_id: str, run_id: str, project: ProjectDep, runner: RunnerDep
) -> JsonResponse:
    """Get where the time of a run went, or goes: spans in milliseconds, and its place in line for a session."""
    timeline = await runner.read_timeline(RunKey(project.id, thread_id, run_id))
    return JsonResponse(timeline.rest())
