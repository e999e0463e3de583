"""Runs: create, create with a thread, list, get, modify, cancel, submit tool outputs."""

from fastapi import APIRouter, Request, Response

from assistd.api import sse
from assistd.api.access import CallerDep, ProjectDep
from assistd.api.assistants.requests.runs import (
    CreateRun,
    CreateThreadAndRun,
    IncludeDep,
    SubmitToolOutputs,
)
from assistd.api.bodies import ModifyMetadata
from assistd.api.json_response import JsonResponse, respond_with_list
from assistd.api.pages import PageQuery
from assistd.api.rates import poll_after
from assistd.api.relay import run_while_connected
from assistd.api.services import DatabaseDep, IndexerDep, PolicyDep, RunnerDep
from assistd.db import nouns
from assistd.db.database import Database
from assistd.engine.assistants import runs
from assistd.engine.assistants.runs import RunKey
from assistd.engine.feed import Event, Feed
from assistd.engine.runner import Runner
from assistd.objects.assistant import Assistant
from assistd.objects.run import Run
from assistd.tracing import spans

router = APIRouter(prefix="/threads")

DONE = b"event: done\ndata: [DONE]\n\n"
"""The frame that ends each stream of a run (contract section 6)."""


@router.post("/runs")
async def create_thread_and_run(
    body: CreateThreadAndRun,
    *,
    caller: CallerDep,
    runner: RunnerDep,
    database: DatabaseDep,
    policy: PolicyDep,
    indexer: IndexerDep,
) -> Response:
    """Make a thread and run an assistant on it."""
    project = caller.project
    assistant = await _assistant(database, project.id, body.assistant_id)
    new = body.thread.thread()
    run = runs.make(assistant, new.thread.id, policy.run_seconds, body.overrides(assistant))
    thread, run = await database.run(
        runs.create_with_thread,
        caller,
        new,
        run,
        store_ids=body.store_ids,
        lease=runner.lease,
        policy=policy,
    )
    if new.has_searched_files:
        indexer.wake()
    if not body.stream:
        return _start(runner, run, project.id, None)
    made = Event("thread.created", thread.sse())
    return _start(runner, run, project.id, Feed(made, _make_event(run)))


@router.post("/{thread_id}/runs")
async def create_run(
    thread_id: str,
    body: CreateRun,
    *,
    caller: CallerDep,
    runner: RunnerDep,
    database: DatabaseDep,
    policy: PolicyDep,
    indexer: IndexerDep,
    include: IncludeDep,
) -> Response:
    """Run an assistant on a thread; what is to be included is so in the stream, too (trap 33)."""
    project = caller.project
    assistant = await _assistant(database, project.id, body.assistant_id)
    run = runs.make(assistant, thread_id, policy.run_seconds, body.overrides(assistant))
    messages = [each.message() for each in body.additional_messages or ()]
    run = await database.run(runs.create, caller, run, messages, lease=runner.lease, policy=policy)
    if any(each.has_searched_files for each in messages):
        indexer.wake()
    feed = Feed(_make_event(run), include=include) if body.stream else None
    return _start(runner, run, project.id, feed)


@router.get("/{thread_id}/runs")
async def list_runs(
    thread_id: str, page: PageQuery, project: ProjectDep, database: DatabaseDep
) -> JsonResponse:
    """List a thread's runs."""
    return respond_with_list(await database.run(runs.page, project.id, thread_id, page))


@router.get("/{thread_id}/runs/{run_id}")
async def get_run(
    thread_id: str,
    run_id: str,
    request: Request,
    *,
    project: ProjectDep,
    runner: RunnerDep,
    policy: PolicyDep,
) -> JsonResponse:
    """Get a run; a poll of one that is active is held a moment (decision 0054).

    SDK helpers that poll are told when to come back (contract section 10).
    """
    key = RunKey(project.id, thread_id, run_id)
    run = await run_while_connected(request, runner.poll(key))
    response = JsonResponse(run.rest())
    wanted = max(policy.poll_after_ms, round(1000 * runner.hold_seconds))
    response.headers["openai-poll-after-ms"] = str(poll_after(project, wanted))
    return response


@router.post("/{thread_id}/runs/{run_id}")
async def modify_run(
    thread_id: str, run_id: str, body: ModifyMetadata, project: ProjectDep, database: DatabaseDep
) -> JsonResponse:
    """Change the metadata of a run that has ended."""
    key = RunKey(project.id, thread_id, run_id)
    run = await database.run(runs.modify, key, body.wanted)
    return JsonResponse(run.rest())


@router.post("/{thread_id}/runs/{run_id}/cancel")
async def cancel_run(
    thread_id: str, run_id: str, project: ProjectDep, runner: RunnerDep
) -> JsonResponse:
    """Ask a run to stop; the body, if there is one, is not read (trap 32)."""
    key = RunKey(project.id, thread_id, run_id)
    run = await runner.cancel(key)
    return JsonResponse(run.rest())


@router.post("/{thread_id}/runs/{run_id}/submit_tool_outputs")
async def submit_tool_outputs(
    thread_id: str,
    run_id: str,
    body: SubmitToolOutputs,
    *,
    project: ProjectDep,
    runner: RunnerDep,
    database: DatabaseDep,
) -> Response:
    """Answer the function calls a run waits for, all at once (trap 40)."""
    key = RunKey(project.id, thread_id, run_id)
    outputs = [(each.tool_call_id, each.output or "") for each in body.tool_outputs]
    run = await database.run(runs.submit_tool_outputs, key, outputs, runner.lease)
    return _start(runner, run, project.id, Feed() if body.stream else None)


def _start(runner: Runner, run: Run, project_id: str, feed: Feed | None) -> Response:
    """Execute a run, and respond with it as it is now or with its events."""
    runner.launch(run, project_id, feed)
    return sse.stream(feed, DONE) if feed else JsonResponse(run.rest())


def _make_event(run: Run) -> Event:
    return Event("thread.run.created", run.sse())


async def _assistant(database: Database, project_id: str, assistant_id: str) -> Assistant:
    assistant = await database.run(nouns.assistants.get, assistant_id, project_id=project_id)
    spans.name_agent(assistant.name)
    return assistant
