"""Run steps: list and get."""

from fastapi import APIRouter

from assistd.api.access import ProjectDep
from assistd.api.assistants.requests.runs import IncludeDep
from assistd.api.json_response import JsonResponse, respond_with_list
from assistd.api.pages import PageQuery
from assistd.api.services import DatabaseDep
from assistd.db.collection import Listing
from assistd.engine.assistants import runs
from assistd.engine.assistants.runs import RunKey

router = APIRouter(prefix="/threads/{thread_id}/runs/{run_id}/steps")


@router.get("")
async def list_run_steps(
    thread_id: str,
    run_id: str,
    page: PageQuery,
    include: IncludeDep,
    *,
    project: ProjectDep,
    database: DatabaseDep,
) -> JsonResponse:
    """List a run's steps; what searches found is shown if asked for (trap 18)."""
    key = RunKey(project.id, thread_id, run_id)
    found = await database.run(runs.page_steps, key, page)
    return respond_with_list(Listing([step.show(include) for step in found.items], found.has_more))


@router.get("/{step_id}")
async def get_run_step(
    thread_id: str,
    run_id: str,
    step_id: str,
    include: IncludeDep,
    *,
    project: ProjectDep,
    database: DatabaseDep,
) -> JsonResponse:
    """Get a step; what searches found is shown if asked for (trap 18)."""
    key = RunKey(project.id, thread_id, run_id)
    step = await database.run(runs.get_step, key, step_id)
    return JsonResponse(step.show(include).rest())
