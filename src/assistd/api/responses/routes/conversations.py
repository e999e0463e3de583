"""Conversations: create, get, modify, delete."""

from fastapi import APIRouter

from assistd.api.access import ProjectDep
from assistd.api.json_response import Deleted, JsonResponse
from assistd.api.responses.requests.conversations import CreateConversation, ModifyConversation
from assistd.api.responses.requests.items import read_items
from assistd.api.services import DatabaseDep, PolicyDep, SentFilesDep
from assistd.engine.responses import conversations

router = APIRouter(prefix="/conversations")


@router.post("")
async def create_conversation(
    project: ProjectDep,
    database: DatabaseDep,
    sent_files: SentFilesDep,
    body: CreateConversation | None = None,
) -> JsonResponse:
    """Create a conversation, with items or without."""
    body = body or CreateConversation()
    given = await sent_files.keep(project.id, read_items(body.items or ()))
    made = await database.run(conversations.create, project.id, given, body.metadata or {})
    return JsonResponse(made.rest())


@router.get("/{conversation_id}")
async def get_conversation(
    conversation_id: str, project: ProjectDep, database: DatabaseDep
) -> JsonResponse:
    """Get a conversation."""
    found = await database.run(conversations.get, project.id, conversation_id)
    return JsonResponse(found.rest())


@router.post("/{conversation_id}")
async def modify_conversation(
    conversation_id: str, body: ModifyConversation, project: ProjectDep, database: DatabaseDep
) -> JsonResponse:
    """Give a conversation other metadata."""
    key = project.id, conversation_id
    changed = await database.run(conversations.modify, *key, body.metadata or {})
    return JsonResponse(changed.rest())


@router.delete("/{conversation_id}")
async def delete_conversation(
    conversation_id: str, project: ProjectDep, database: DatabaseDep, policy: PolicyDep
) -> JsonResponse:
    """Delete a conversation; its items can still be referred to."""
    await database.run(conversations.delete, project.id, conversation_id, policy)
    return JsonResponse(Deleted(id=conversation_id, object="conversation.deleted").rest())
