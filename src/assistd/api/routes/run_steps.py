"""Run steps: list and get."""

from fastapi import APIRouter, Depends

from assistd.api.access import ProjectDep, RunnerDep
from assistd.api.answers import JsonResponse, answer, answer_list
from assistd.api.include import know_include
from assistd.api.pages import PageQuery
from assistd.db import Connection, nouns
from assistd.db.collection import Listing, Page
from assistd.db.transaction import SHORT_PAGE, transaction
from assistd.engine import lifecycle
from assistd.engine.lifecycle import RunKey
from assistd.objects.run_step import RunStep

router = APIRouter(
    prefix="/threads/{thread_id}/runs/{run_id}/steps", dependencies=[Depends(know_include)]
)


@router.get("")
async def list_run_steps(
    thread_id: str, run_id: str, page: PageQuery, project: ProjectDep, runner: RunnerDep
) -> JsonResponse:
    """List a run's steps."""
    key = RunKey(project.id, thread_id, run_id)
    return answer_list(await runner.services.database.run(_page, key, page))


@router.get("/{step_id}")
async def get_run_step(
    thread_id: str, run_id: str, step_id: str, project: ProjectDep, runner: RunnerDep
) -> JsonResponse:
    """Get a step."""
    key = RunKey(project.id, thread_id, run_id)
    return answer(await runner.services.database.run(_get, key, step_id))


@transaction(short=SHORT_PAGE)
def _page(
    connection: Connection, key: RunKey, page: Page, *, max_characters: int | None = None
) -> Listing[RunStep]:
    lifecycle.get_run(connection, key)
    return nouns.run_steps.page(connection, page, max_characters=max_characters, run_id=key.run_id)


@transaction(short=True)
def _get(connection: Connection, key: RunKey, step_id: str) -> RunStep:
    lifecycle.get_run(connection, key)
    return nouns.run_steps.get(connection, step_id, run_id=key.run_id)
