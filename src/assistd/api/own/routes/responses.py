"""Where the time of responses went."""

from fastapi import APIRouter

from assistd.api.access import ProjectDep
from assistd.api.json_response import JsonResponse
from assistd.api.services import ResponsesDep

router = APIRouter(prefix="/responses")


@router.get("/{response_id}/timeline")
async def get_response_timeline(
    response_id: str, project: ProjectDep, runner: ResponsesDep
) -> JsonResponse:
    """Get where the time of a response went, or goes."""
    timeline = await runner.read_timeline(project.id, response_id)
    return JsonResponse(timeline.rest())
