"""Files: create, list, get, delete, content. They need no beta header (trap 1)."""

import json
from typing import Annotated, Any, Literal, get_args

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse

from assistd import clock
from assistd.api.access import ProjectDep
from assistd.api.files.requests import MAX_SECONDS, MIN_SECONDS
from assistd.api.json_response import JsonResponse, respond_with_list
from assistd.api.multipart import Form, receiving
from assistd.api.services import DatabaseDep, FilesDep, PolicyDep
from assistd.api.transport.file_content import respond_with_content
from assistd.db import nouns
from assistd.db.collection import Page
from assistd.errors import RequestError
from assistd.files.rows import Blob, NewFile
from assistd.objects.file import UNREADABLE_PURPOSES, UPLOAD_PURPOSES, Purpose
from assistd.objects.responses.container import CONTAINER_FILE

router = APIRouter(prefix="/files")


async def _page(
    limit: Annotated[int, Query(ge=1, le=10_000)] = 10_000,
    order: Literal["asc", "desc"] = "desc",
    after: str | None = None,
) -> Page:
    """Return the wanted page; those of files have their own size, and no `before` (trap 39)."""
    return Page(limit, order, after)


@router.post("")
async def create_file(
    request: Request, project: ProjectDep, files: FilesDep, policy: PolicyDep
) -> JsonResponse:
    """Upload a file; its bytes go to the store while they arrive."""
    async with receiving(request, "file", files, policy.upload_bytes, project.id) as form:
        purpose, expires_at = _purpose(form), _expires_at(form)
    new = NewFile(
        form.file,
        project_id=project.id,
        filename=form.filename,
        purpose=purpose,
        created_at=clock.seconds(),
        expires_at=expires_at,
    )
    file = await files.add(new)
    return JsonResponse(file.rest())


@router.get("")
async def list_files(
    page: Annotated[Page, Depends(_page)],
    project: ProjectDep,
    database: DatabaseDep,
    purpose: str | None = None,
) -> JsonResponse:
    """List the project's files, uploaded and generated; those of containers have lists of their own."""
    scope: dict[str, Any] = {"project_id": project.id, "container_id": ""}
    scope |= {"purpose": purpose} if purpose else {}
    return respond_with_list(await database.run(nouns.files.page, page, **scope))


@router.get("/{file_id}")
async def get_file(file_id: str, project: ProjectDep, database: DatabaseDep) -> JsonResponse:
    """Get a file's description."""
    file = await database.run(nouns.files.get, file_id, project_id=project.id)
    return JsonResponse(file.rest())


@router.get("/{file_id}/content")
async def get_file_content(
    file_id: str, project: ProjectDep, database: DatabaseDep, files: FilesDep
) -> StreamingResponse:
    """Download a file; uploads for assistants are not given back (trap 21).

    What code made has its own media type; uploads have none, as recorded (contract section 3).
    """
    file = await database.run(nouns.files.get, file_id, project_id=project.id)
    if file.id.startswith(CONTAINER_FILE):
        return await respond_with_content(files, file, file.filename)
    if file.purpose in UNREADABLE_PURPOSES:
        raise RequestError(f"Not allowed to download files of purpose: {file.purpose}")
    has_type = file.purpose == "assistants_output"
    return await respond_with_content(files, file, file.filename, has_type=has_type)


@router.delete("/{file_id}")
async def delete_file(
    file_id: str, project: ProjectDep, database: DatabaseDep, files: FilesDep
) -> JsonResponse:
    """Delete a file; one of a container is deleted there."""
    file = await database.run(nouns.files.get, file_id, project_id=project.id, container_id="")
    await files.delete(file)
    gone = {"object": "file", "deleted": True, "id": file_id}
    return JsonResponse(json.dumps(gone, indent=2))


def _purpose(form: Form[Blob]) -> Purpose:
    given = form.fields.get("purpose")
    if given is None:
        raise RequestError(
            "Missing required parameter: 'purpose'.",
            param="purpose",
            code="missing_required_parameter",
        )
    for purpose in get_args(Purpose):
        if given == purpose and given in UPLOAD_PURPOSES:
            return purpose
    raise RequestError(
        f"'{given}' is not one of {list(UPLOAD_PURPOSES)} - 'purpose'", param="purpose"
    )


def _expires_at(form: Form[Blob]) -> int | None:
    """Return when the file goes away by itself; sent as `expires_after[anchor]` and `expires_after[seconds]`."""
    names = ("expires_after[anchor]", "expires_after[seconds]")
    anchor, seconds = (form.fields.get(name) for name in names)
    if anchor is None and seconds is None:
        return None
    if anchor != "created_at":
        raise RequestError(
            f"Invalid '{names[0]}': expected 'created_at', but got '{anchor or ''}' instead.",
            param=names[0],
        )
    given = seconds or ""
    number = int(given) if given.isdecimal() and len(given) <= 7 else 0
    if not MIN_SECONDS <= number <= MAX_SECONDS:
        raise RequestError(
            f"Invalid '{names[1]}': expected an integer from {MIN_SECONDS} to {MAX_SECONDS}.",
            param=names[1],
        )
    return clock.seconds() + number
