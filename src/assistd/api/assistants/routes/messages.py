"""Messages of a thread: create, list, get, modify, delete."""

import json
from typing import Any

from fastapi import APIRouter

from assistd.api.access import ProjectDep
from assistd.api.assistants.requests.messages import CreateMessage
from assistd.api.bodies import ModifyMetadata
from assistd.api.json_response import Deleted, JsonResponse, respond_with_list
from assistd.api.pages import PageQuery
from assistd.api.services import DatabaseDep, IndexerDep, PolicyDep
from assistd.engine.assistants import messages

router = APIRouter(prefix="/threads/{thread_id}/messages")


@router.post("")
async def create_message(
    thread_id: str,
    body: CreateMessage,
    *,
    project: ProjectDep,
    database: DatabaseDep,
    policy: PolicyDep,
    indexer: IndexerDep,
) -> JsonResponse:
    """Add a message; refused while a run is active (trap 3)."""
    new = body.message()
    message = await database.run(messages.create, project.id, thread_id, new, policy)
    if new.has_searched_files:
        indexer.wake()
    return JsonResponse(message.rest())


@router.get("")
async def list_messages(
    thread_id: str,
    page: PageQuery,
    project: ProjectDep,
    database: DatabaseDep,
    run_id: str | None = None,
) -> JsonResponse:
    """List a thread's messages, or those of one run."""
    return respond_with_list(await database.run(messages.page, project.id, thread_id, run_id, page))


@router.get("/{message_id}")
async def get_message(
    thread_id: str, message_id: str, project: ProjectDep, database: DatabaseDep
) -> JsonResponse:
    """Get a message."""
    message = await database.run(messages.get, project.id, thread_id, message_id)
    return JsonResponse(message.rest())


@router.post("/{message_id}")
async def modify_message(
    thread_id: str,
    message_id: str,
    body: ModifyMetadata,
    project: ProjectDep,
    database: DatabaseDep,
) -> JsonResponse:
    """Change a message's metadata; the response has `file_ids` where attachments stood (trap 25)."""
    message = await database.run(messages.modify, project.id, thread_id, message_id, body.wanted)
    shown: dict[str, Any] = json.loads(message.rest())
    del shown["attachments"]
    return JsonResponse(json.dumps({**shown, "file_ids": []}, indent=2, ensure_ascii=False))


@router.delete("/{message_id}")
async def delete_message(
    thread_id: str, message_id: str, project: ProjectDep, database: DatabaseDep
) -> JsonResponse:
    """Delete a message."""
    await database.run(messages.delete, project.id, thread_id, message_id)
    return JsonResponse(Deleted(id=message_id, object="thread.message.deleted").rest())
