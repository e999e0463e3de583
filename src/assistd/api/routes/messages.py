"""Messages of a thread: create, list, get, modify, delete."""

import json
from typing import Any

from fastapi import APIRouter

from assistd.api.access import ProjectDep, RunnerDep
from assistd.api.answers import Deleted, JsonResponse, answer, answer_list
from assistd.api.pages import PageQuery
from assistd.api.requests.body import ModifyMetadata
from assistd.api.requests.messages import CreateMessage
from assistd.db import Connection, nouns
from assistd.db.collection import Listing, Page
from assistd.db.transaction import SHORT_PAGE, transaction
from assistd.engine import lifecycle
from assistd.objects.message import Message

router = APIRouter(prefix="/threads/{thread_id}/messages")


@router.post("")
async def create_message(
    thread_id: str, body: CreateMessage, project: ProjectDep, runner: RunnerDep
) -> JsonResponse:
    """Add a message; refused while a run is active (trap 3)."""
    return answer(
        await runner.services.database.run(
            lifecycle.create_message, project.id, thread_id, body.message()
        )
    )


@router.get("")
async def list_messages(
    thread_id: str,
    page: PageQuery,
    project: ProjectDep,
    runner: RunnerDep,
    run_id: str | None = None,
) -> JsonResponse:
    """List a thread's messages, or those of one run."""
    return answer_list(
        await runner.services.database.run(_page, project.id, thread_id, run_id, page)
    )


@router.get("/{message_id}")
async def get_message(
    thread_id: str, message_id: str, project: ProjectDep, runner: RunnerDep
) -> JsonResponse:
    """Get a message."""
    return answer(await runner.services.database.run(_get, project.id, thread_id, message_id))


@router.post("/{message_id}")
async def modify_message(
    thread_id: str,
    message_id: str,
    body: ModifyMetadata,
    project: ProjectDep,
    runner: RunnerDep,
) -> JsonResponse:
    """Change a message's metadata; the answer has `file_ids` where attachments stood (trap 25)."""
    message = await runner.services.database.run(_modify, project.id, thread_id, message_id, body)
    shown: dict[str, Any] = json.loads(message.rest())
    del shown["attachments"]
    return JsonResponse(json.dumps({**shown, "file_ids": []}, indent=2, ensure_ascii=False))


@router.delete("/{message_id}")
async def delete_message(
    thread_id: str, message_id: str, project: ProjectDep, runner: RunnerDep
) -> JsonResponse:
    """Delete a message."""
    await runner.services.database.run(_delete, project.id, thread_id, message_id)
    return answer(Deleted(id=message_id, object="thread.message.deleted"))


@transaction(short=SHORT_PAGE)
def _page(
    connection: Connection,
    project_id: str,
    thread_id: str,
    run_id: str | None,
    page: Page,
    *,
    max_characters: int | None = None,
) -> Listing[Message]:
    nouns.threads.get(connection, thread_id, project_id=project_id)
    scope = {"thread_id": thread_id} | ({"run_id": run_id} if run_id else {})
    return nouns.messages.page(connection, page, max_characters=max_characters, **scope)


@transaction(short=True)
def _get(connection: Connection, project_id: str, thread_id: str, message_id: str) -> Message:
    nouns.threads.get(connection, thread_id, project_id=project_id)
    return nouns.messages.get(connection, message_id, thread_id=thread_id)


@transaction(writes=True, short=True)
def _modify(
    connection: Connection,
    project_id: str,
    thread_id: str,
    message_id: str,
    body: ModifyMetadata,
) -> Message:
    message = _get(connection, project_id, thread_id, message_id)
    if body.wanted is not None:
        message = message.evolve(metadata=body.wanted)
        nouns.messages.replace(connection, message)
    return message


@transaction(writes=True, short=True)
def _delete(connection: Connection, project_id: str, thread_id: str, message_id: str) -> None:
    _get(connection, project_id, thread_id, message_id)
    nouns.messages.delete(connection, message_id)
