"""Run steps: list and get."""

from fastapi import APIRouter, Depends

from assistd.api.access import ProjectDep
from assistd.api.assistants.requests.runs import know_include
from assistd.api.json_response import JsonResponse, respond_with_list
from assistd.api.pages import PageQuery
from assistd.api.services import DatabaseDep
from assistd.engine.assistants import runs
from assistd.engine.assistants.runs import RunKey

router = APIRouter(
    prefix="/threads/{thread_id}/runs/{run_id}/steps", dependencies=[Depends(know_include)]
)


@router.get("")
async def list_run_steps(
    thread_id: str, run_id: str, page: PageQuery, project: ProjectDep, database: DatabaseDep
) -> JsonResponse:
    """List a run's steps."""
    key = RunKey(project.id, thread_id, run_id)
    return respond_with_list(await database.run(runs.page_steps, key, page))


@router.get("/{step_id}")
async def get_run_step(
    thread_id: str, run_id: str, step_id: str, project: ProjectDep, database: DatabaseDep
) -> JsonResponse:
    """Get a step."""
    key = RunKey(project.id, thread_id, run_id)
    step = await database.run(runs.get_step, key, step_id)
    return JsonResponse(step.rest())
