"""Uploads: create, add a part, complete, cancel. They need no beta header (trap 1)."""

from fastapi import APIRouter, Request

from assistd.api.access import ProjectDep
from assistd.api.files.requests import CompleteUpload, CreateUpload
from assistd.api.json_response import JsonResponse
from assistd.api.multipart import receiving
from assistd.api.services import FilesDep, UploadsDep
from assistd.files.uploads import PART_BYTES, UploadKey, new_upload

router = APIRouter(prefix="/uploads")


@router.post("")
async def create_upload(
    body: CreateUpload, project: ProjectDep, uploads: UploadsDep
) -> JsonResponse:
    """Begin an upload; the type of the file is told by its name, not by `mime_type`."""
    upload = new_upload(
        filename=body.filename,
        purpose=body.purpose,
        size=body.bytes,
        file_seconds=body.expires_after.seconds if body.expires_after else None,
    )
    upload = await uploads.create(project.id, upload)
    return JsonResponse(upload.rest())


@router.post("/{upload_id}/parts")
async def add_upload_part(
    upload_id: str, request: Request, project: ProjectDep, files: FilesDep, uploads: UploadsDep
) -> JsonResponse:
    """Add a part; its bytes go to the store while they arrive."""
    key = UploadKey(project.id, upload_id)
    await uploads.require_pending(key)
    async with receiving(request, "data", files, PART_BYTES, project.id) as form:
        pass
    part = await uploads.add_part(key, form.file)
    return JsonResponse(part.rest())


@router.post("/{upload_id}/complete")
async def complete_upload(
    upload_id: str, body: CompleteUpload, project: ProjectDep, uploads: UploadsDep
) -> JsonResponse:
    """Make a file of the parts."""
    key = UploadKey(project.id, upload_id)
    upload = await uploads.complete(key, body.part_ids, body.md5)
    return JsonResponse(upload.rest())


@router.post("/{upload_id}/cancel")
async def cancel_upload(upload_id: str, project: ProjectDep, uploads: UploadsDep) -> JsonResponse:
    """Give an upload up."""
    upload = await uploads.cancel(UploadKey(project.id, upload_id))
    return JsonResponse(upload.rest())
