"""Items of conversations: add, list, get, delete."""

from fastapi import APIRouter

from assistd.api.access import ProjectDep
from assistd.api.json_response import JsonResponse
from assistd.api.responses.lists import ForwardPage, show_items
from assistd.api.responses.requests.common import IncludeQuery
from assistd.api.responses.requests.conversations import AddItems
from assistd.api.responses.requests.items import read_items
from assistd.api.services import DatabaseDep, SentFilesDep
from assistd.db.collection import Listing
from assistd.engine.responses import conversations

router = APIRouter(prefix="/conversations/{conversation_id}/items")


@router.post("")
async def add_conversation_items(
    conversation_id: str,
    body: AddItems,
    include: IncludeQuery,
    project: ProjectDep,
    database: DatabaseDep,
    *,
    sent_files: SentFilesDep,
) -> JsonResponse:
    """Add items at the end of a conversation."""
    given = await sent_files.keep(project.id, read_items(body.items))
    items = await database.run(conversations.add_items, project.id, conversation_id, given)
    return show_items(Listing(items, has_more=False), include)


@router.get("")
async def list_conversation_items(
    conversation_id: str,
    page: ForwardPage,
    include: IncludeQuery,
    project: ProjectDep,
    database: DatabaseDep,
) -> JsonResponse:
    """List a conversation's items."""
    found = await database.run(conversations.read_page, project.id, conversation_id, page)
    return show_items(found, include)


@router.get("/{item_id}")
async def get_conversation_item(
    conversation_id: str,
    item_id: str,
    include: IncludeQuery,
    project: ProjectDep,
    database: DatabaseDep,
) -> JsonResponse:
    """Get an item of a conversation."""
    found = await database.run(conversations.get_item, project.id, conversation_id, item_id)
    return JsonResponse(found.show(include).rest())


@router.delete("/{item_id}")
async def delete_conversation_item(
    conversation_id: str, item_id: str, project: ProjectDep, database: DatabaseDep
) -> JsonResponse:
    """Take an item out of a conversation; the answer is the conversation (responses, trap 24)."""
    left = await database.run(conversations.delete_item, project.id, conversation_id, item_id)
    return JsonResponse(left.rest())
