"""Uploads: create, add a part, complete, cancel. They need no beta header (trap 1)."""

from fastapi import APIRouter, Request

from assistd.api.access import ProjectDep, RunnerDep
from assistd.api.answers import JsonResponse, answer
from assistd.api.multipart import received
from assistd.api.requests.uploads import CompleteUpload, CreateUpload
from assistd.files.uploads import PART_BYTES, UploadKey, new_upload

router = APIRouter(prefix="/uploads")


@router.post("")
async def create_upload(body: CreateUpload, project: ProjectDep, runner: RunnerDep) -> JsonResponse:
    """Begin an upload; the type of the file is told by its name, not by `mime_type`."""
    upload = new_upload(
        filename=body.filename,
        purpose=body.purpose,
        size=body.bytes,
        file_seconds=body.expires_after.seconds if body.expires_after else None,
    )
    return answer(await runner.services.uploads.create(project.id, upload))


@router.post("/{upload_id}/parts")
async def add_upload_part(
    upload_id: str, request: Request, project: ProjectDep, runner: RunnerDep
) -> JsonResponse:
    """Add a part; its bytes go to the store while they arrive."""
    services, key = runner.services, UploadKey(project.id, upload_id)
    await services.uploads.require_pending(key)
    async with received(request, "data", services.files, PART_BYTES, project.id) as form:
        pass
    return answer(await services.uploads.add_part(key, form.file))


@router.post("/{upload_id}/complete")
async def complete_upload(
    upload_id: str, body: CompleteUpload, project: ProjectDep, runner: RunnerDep
) -> JsonResponse:
    """Make a file of the parts."""
    key = UploadKey(project.id, upload_id)
    return answer(await runner.services.uploads.complete(key, body.part_ids, body.md5))


@router.post("/{upload_id}/cancel")
async def cancel_upload(upload_id: str, project: ProjectDep, runner: RunnerDep) -> JsonResponse:
    """Give an upload up."""
    return answer(await runner.services.uploads.cancel(UploadKey(project.id, upload_id)))
