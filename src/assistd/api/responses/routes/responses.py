"""Responses: create, get, stream again, cancel, delete."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from assistd.api import errors
from assistd.api.access import CallerDep, ProjectDep
from assistd.api.json_response import Deleted, JsonResponse
from assistd.api.relay import run_while_connected
from assistd.api.responses.requests.common import IncludeQuery
from assistd.api.responses.requests.responses import CreateResponse
from assistd.api.responses.streams import HEARTBEAT_SECONDS, EventStream
from assistd.api.services import DatabaseDep, ResponsesDep, SentFilesDep
from assistd.engine.feed import Feed
from assistd.engine.responses import responses
from assistd.engine.responses.execution import ResponseJob
from assistd.engine.responses.responses import Owner
from assistd.engine.responses.runner import ResponseRunner
from assistd.objects.responses import response as objects

router = APIRouter(prefix="/responses")

_STATUS: dict[objects.ErrorCode, int] = {
    "server_error": 500,
    "rate_limit_exceeded": 429,
    "invalid_prompt": 400,
    "context_length_exceeded": 400,
    "model_not_found": 400,
}


@router.post("")
async def create_response(
    body: CreateResponse,
    request: Request,
    *,
    caller: CallerDep,
    runner: ResponsesDep,
    sent_files: SentFilesDep,
) -> Response:
    """Make a response: the whole, its events, or in the background."""
    new = body.new_response()
    new = replace(new, given=tuple(await sent_files.keep(caller.project.id, new.given)))
    owner = Owner(caller.project.id, caller.key_id, caller.project.limits)
    background = new.response.background
    feed = Feed(kind="response") if new.streams and not background else None
    job = await runner.create(owner, new, feed)
    if feed:
        batches = feed.events(HEARTBEAT_SECONDS)
        return EventStream(request, batches, lambda: runner.abandon(job))
    if not background:
        return await _respond_whole(request, runner, job)
    if new.streams:
        return EventStream(request, runner.follow(job.id, -1, HEARTBEAT_SECONDS))
    return JsonResponse(new.response.rest())


@router.get("/{response_id}")
async def get_response(
    response_id: str,
    request: Request,
    include: IncludeQuery,
    *,
    project: ProjectDep,
    database: DatabaseDep,
    runner: ResponsesDep,
    stream: bool = False,
    starting_after: Annotated[int | None, Query(ge=0)] = None,
    include_obfuscation: bool = False,
) -> Response:
    """Get a response, or its events from the first or behind a number."""
    del include_obfuscation  # streams in the background have none (contract, responses, 6.0)
    if not stream:
        found = await database.run(responses.get, project.id, response_id, include)
        return JsonResponse(found.rest())
    await database.run(responses.require_events, project.id, response_id)
    after = -1 if starting_after is None else starting_after
    return EventStream(request, runner.follow(response_id, after, HEARTBEAT_SECONDS))


@router.delete("/{response_id}")
async def delete_response(
    response_id: str, project: ProjectDep, database: DatabaseDep
) -> JsonResponse:
    """Delete a response."""
    await database.run(responses.delete, project.id, response_id)
    return JsonResponse(Deleted(id=response_id, object="response.deleted").rest())


@router.post("/{response_id}/cancel")
async def cancel_response(
    response_id: str, project: ProjectDep, runner: ResponsesDep
) -> JsonResponse:
    """Cancel a response in the background; the body, if there is one, is not read."""
    response = await runner.cancel(project.id, response_id)
    return JsonResponse(response.rest())


async def _respond_whole(request: Request, runner: ResponseRunner, job: ResponseJob) -> Response:
    """Wait for the end of a response; one that failed with nothing to show is an error of HTTP."""
    try:
        await run_while_connected(request, job.ended.wait())
    finally:
        await runner.abandon(
            job
        )  # where the client went away; one that has ended does not hear of it
    response = job.response
    error = response.error
    if error and not response.output:
        status = _STATUS[error.code]
        return errors.error_response(
            request, status, error.message, param=error.param, code=error.code
        )
    return JsonResponse(response.rest())
