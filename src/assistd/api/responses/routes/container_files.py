"""The files of containers: add by upload or by id, list, get, content, delete."""

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import StreamingResponse
from pydantic import ValidationError

from assistd.api.access import ProjectDep
from assistd.api.framework import json_body
from assistd.api.json_response import Deleted, JsonResponse
from assistd.api.multipart import MissingFileError, receiving
from assistd.api.responses.lists import ForwardPage, respond_with_items
from assistd.api.responses.requests.containers import AddFile
from assistd.api.services import DatabaseDep, FilesDep, RunnerDep
from assistd.api.transport.file_content import respond_with_content
from assistd.api.validation import NOT_JSON
from assistd.engine.responses import container_files, containers
from assistd.engine.responses.container_files import Upload
from assistd.errors import RequestError, TooLargeError
from assistd.files.store import FileStore
from assistd.objects.responses.container import StoredContainerFile

router = APIRouter()

_FILES = "/containers/{container_id}/files"
_FILE = "/containers/{container_id}/files/{file_id}"
_MAX_BODY = 64 << 10


@router.post(_FILES)
async def create_container_file(
    container_id: str,
    request: Request,
    project: ProjectDep,
    runner: RunnerDep,
) -> JsonResponse:
    """Put an upload, or a copy of a file, into a container (contract, responses, trap 43)."""
    services = runner.services
    database, files, policy = services.database, services.files, services.policy
    await database.run(containers.get, project.id, container_id)  # before any bytes are taken
    if "multipart/form-data" not in request.headers.get("content-type", ""):
        file_id = await _read_file_id(request)
    else:
        try:
            async with receiving(request, "file", files, policy.upload_bytes, project.id) as form:
                if "file_id" in form.fields:
                    raise RequestError("Only one of 'file' and 'file_id' can be sent.")
        except MissingFileError as error:
            if "file_id" not in error.fields:
                raise
            file_id = error.fields["file_id"]
        else:
            upload = Upload(form.file, form.filename)
            made = await container_files.add_upload(services, project.id, container_id, upload)
            return JsonResponse(made.rest())
    made = await database.run(container_files.add_copy, project.id, container_id, file_id, policy)
    return JsonResponse(made.rest())


@router.get(_FILES)
async def list_container_files(
    container_id: str, page: ForwardPage, project: ProjectDep, database: DatabaseDep
) -> JsonResponse:
    """List what stands in a container, also in an expired one."""
    found = await database.run(container_files.read_page, project.id, container_id, page)
    return respond_with_items(found)


@router.get(_FILE)
async def get_container_file(
    container_id: str, file_id: str, project: ProjectDep, database: DatabaseDep
) -> JsonResponse:
    """Get a file's description."""
    file = await database.run(container_files.get, project.id, container_id, file_id)
    return JsonResponse(file.show().rest())


@router.get(f"{_FILE}/content")
async def get_container_file_content(
    container_id: str, file_id: str, project: ProjectDep, database: DatabaseDep, files: FilesDep
) -> StreamingResponse:
    """Download a file, also after the session ended."""
    file = await database.run(container_files.get, project.id, container_id, file_id)
    return await _respond_with_content(files, file)


@router.get("/container-files/{file_id}/content")
async def get_content_by_file_id(
    file_id: str, project: ProjectDep, database: DatabaseDep, files: FilesDep
) -> StreamingResponse:
    """Download a file of any container: ids are unique, and some clients have no other."""
    file = await database.run(container_files.get_by_id, project.id, file_id)
    return await _respond_with_content(files, file)


@router.delete(_FILE)
async def delete_container_file(
    container_id: str, file_id: str, project: ProjectDep, runner: RunnerDep
) -> JsonResponse:
    """Delete a file, out of the running session, too."""
    await container_files.delete(runner.services, project.id, container_id, file_id)
    deleted = Deleted(id=file_id, object="container.file.deleted")
    return JsonResponse(deleted.rest())


async def _respond_with_content(files: FileStore, file: StoredContainerFile) -> StreamingResponse:
    """Return the response with a file's bytes; of text it says that it is UTF-8, as recorded."""
    response = await respond_with_content(files, file, file.path)
    if response.headers["content-type"].startswith("text/"):
        response.headers["content-type"] += "; charset=utf-8"
    return response


async def _read_file_id(request: Request) -> str:
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > _MAX_BODY:
            raise TooLargeError(f"The request body is larger than {_MAX_BODY} bytes.")
    try:
        body = json_body.loads(data or b"{}")
    except (ValueError, RecursionError) as error:
        raise RequestError(NOT_JSON) from error
    try:
        return AddFile.model_validate(body).file_id
    except ValidationError as error:
        wrong = [{**each, "loc": ("body", *each["loc"])} for each in error.errors()]
        raise RequestValidationError(wrong, body=body) from error
