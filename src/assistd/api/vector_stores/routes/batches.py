"""Batches of files of vector stores: create, get, cancel, list their files."""

from typing import Annotated

from fastapi import APIRouter, Query

from assistd.api.access import ProjectDep
from assistd.api.json_response import JsonResponse, respond_with_list
from assistd.api.pages import PageQuery
from assistd.api.services import DatabaseDep, IndexerDep, PolicyDep
from assistd.api.vector_stores.polls import respond_to_poll
from assistd.api.vector_stores.requests import CreateBatch
from assistd.db.collection import Listing
from assistd.engine.vector_stores import batches
from assistd.objects.vector_store import FileStatus

router = APIRouter(prefix="/vector_stores/{vector_store_id}/file_batches")


@router.post("")
async def create_batch(
    vector_store_id: str,
    body: CreateBatch,
    project: ProjectDep,
    database: DatabaseDep,
    *,
    policy: PolicyDep,
    indexer: IndexerDep,
) -> JsonResponse:
    """Attach files to a store; they are indexed later."""
    batch = await database.run(
        batches.create, project.id, vector_store_id, body.make_files(), policy
    )
    indexer.wake()
    return JsonResponse(batch.rest())


@router.get("/{batch_id}")
async def get_batch(
    vector_store_id: str,
    batch_id: str,
    project: ProjectDep,
    database: DatabaseDep,
    policy: PolicyDep,
) -> JsonResponse:
    """Get a batch; helpers that poll are told when to come back."""
    batch = await database.run(batches.get, project.id, vector_store_id, batch_id)
    return respond_to_poll(batch, project, policy)


@router.post("/{batch_id}/cancel")
async def cancel_batch(
    vector_store_id: str, batch_id: str, project: ProjectDep, database: DatabaseDep
) -> JsonResponse:
    """Cancel the files of a batch that are not indexed yet; the body, if there is one, is not read."""
    batch = await database.run(batches.cancel, project.id, vector_store_id, batch_id)
    return JsonResponse(batch.rest())


@router.get("/{batch_id}/files")
async def list_batch_files(
    vector_store_id: str,
    batch_id: str,
    page: PageQuery,
    project: ProjectDep,
    database: DatabaseDep,
    *,
    status: Annotated[FileStatus | None, Query(alias="filter")] = None,
) -> JsonResponse:
    """List a batch's files, each in a few words; the cursors are ids of files."""
    found = await database.run(
        batches.read_page, project.id, vector_store_id, batch_id, page, status=status
    )
    return respond_with_list(Listing([file.shorten() for file in found.items], found.has_more))
