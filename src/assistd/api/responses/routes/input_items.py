"""What the model of a response saw."""

from fastapi import APIRouter

from assistd.api.access import ProjectDep
from assistd.api.json_response import JsonResponse
from assistd.api.responses.lists import ForwardPage, show_items
from assistd.api.responses.requests.common import IncludeQuery
from assistd.api.services import DatabaseDep
from assistd.engine.responses import context

router = APIRouter(prefix="/responses/{response_id}/input_items")


@router.get("")
async def list_input_items(
    response_id: str,
    page: ForwardPage,
    include: IncludeQuery,
    project: ProjectDep,
    database: DatabaseDep,
) -> JsonResponse:
    """List the input of a response and all that the model saw before it (responses, trap 20)."""
    found = await database.run(context.page_input_items, project.id, response_id, page)
    return show_items(found, include)
