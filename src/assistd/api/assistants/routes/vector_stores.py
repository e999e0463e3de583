"""Vector stores: not served; every request for them is told so."""

from fastapi import APIRouter

from assistd.api.access import ProjectDep
from assistd.errors import RequestError

router = APIRouter(prefix="/vector_stores")


@router.api_route("", methods=["GET", "POST"], include_in_schema=False)
@router.api_route("/{rest:path}", methods=["GET", "POST", "DELETE"], include_in_schema=False)
async def refuse(_: ProjectDep) -> None:
    """Say what there is instead.

    Raises:
        RequestError: always.
    """
    raise RequestError(
        "Vector stores and the tool 'file_search' are not served here. Attach files for the tool "
        "'code_interpreter' instead.",
        code="unsupported_value",
    )
