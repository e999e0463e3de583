"""What of the Responses API is not served, refused by its name."""

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import HTTPException

from assistd.api.access import ProjectDep
from assistd.errors import RequestError

router = APIRouter(prefix="/responses")


@router.post("/compact")
async def compact_response(project: ProjectDep) -> Response:
    """Refuse to compact a context."""
    del project
    raise RequestError(
        "Compaction ('/responses/compact') is not supported by this server. Send the items themselves; "
        "with 'truncation' set to 'auto' the first ones are left out where they are too many.",
        code="unsupported_value",
    )


@router.get("")
async def refuse_socket(request: Request, project: ProjectDep) -> Response:
    """Refuse to go on over a WebSocket; responses cannot be listed either."""
    del project
    if request.headers.get("upgrade", "").lower() == "websocket":
        raise RequestError(
            "This server does not serve WebSockets. Send POST /v1/responses with 'stream' set to true: the "
            "events come as server-sent events over HTTP.",
            code="unsupported_value",
        )
    raise HTTPException(405)
