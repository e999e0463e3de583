"""Files of vector stores: attach, list, get, modify, detach."""

from typing import Annotated

from fastapi import APIRouter, Query

from assistd.api.access import ProjectDep
from assistd.api.json_response import Deleted, JsonResponse, respond_with_list
from assistd.api.pages import PageQuery
from assistd.api.services import DatabaseDep, IndexerDep, PolicyDep
from assistd.api.vector_stores.polls import respond_to_poll
from assistd.api.vector_stores.requests import AttachFile, ModifyFile
from assistd.engine.vector_stores import files
from assistd.objects.vector_store import FileStatus

router = APIRouter(prefix="/vector_stores/{vector_store_id}/files")


@router.post("")
async def attach_file(
    vector_store_id: str,
    body: AttachFile,
    project: ProjectDep,
    database: DatabaseDep,
    *,
    policy: PolicyDep,
    indexer: IndexerDep,
) -> JsonResponse:
    """Attach a file to a store; it is indexed later."""
    file = await database.run(files.attach, project.id, vector_store_id, body.make_file(), policy)
    indexer.wake()
    return JsonResponse(file.rest())


@router.get("")
async def list_files(
    vector_store_id: str,
    page: PageQuery,
    project: ProjectDep,
    database: DatabaseDep,
    status: Annotated[FileStatus | None, Query(alias="filter")] = None,
) -> JsonResponse:
    """List a store's files; the cursors are ids of files."""
    return respond_with_list(
        await database.run(files.read_page, project.id, vector_store_id, page, status=status)
    )


@router.get("/{file_id}")
async def get_file(
    vector_store_id: str,
    file_id: str,
    project: ProjectDep,
    database: DatabaseDep,
    policy: PolicyDep,
) -> JsonResponse:
    """Get a file of a store; helpers that poll are told when to come back."""
    file = await database.run(files.get, project.id, vector_store_id, file_id)
    return respond_to_poll(file, project, policy)


@router.post("/{file_id}")
async def modify_file(
    vector_store_id: str,
    file_id: str,
    body: ModifyFile,
    project: ProjectDep,
    database: DatabaseDep,
) -> JsonResponse:
    """Give a file of a store other attributes; the next search goes by them."""
    key = project.id, vector_store_id, file_id
    file = await database.run(files.modify, *key, body.wanted)
    return JsonResponse(file.rest())


@router.delete("/{file_id}")
async def detach_file(
    vector_store_id: str, file_id: str, project: ProjectDep, database: DatabaseDep
) -> JsonResponse:
    """Take a file out of a store; it stays a file of the project."""
    await database.run(files.detach, project.id, vector_store_id, file_id)
    deleted = Deleted(id=file_id, object="vector_store.file.deleted")
    return JsonResponse(deleted.rest())
