"""Vector stores: create, list, get, modify, delete."""

from fastapi import APIRouter

from assistd.api.access import ProjectDep
from assistd.api.json_response import Deleted, JsonResponse, respond_with_list
from assistd.api.pages import PageQuery
from assistd.api.services import DatabaseDep, IndexerDep, PolicyDep
from assistd.api.vector_stores.requests import CreateStore, ModifyStore
from assistd.engine.vector_stores import stores

router = APIRouter(prefix="/vector_stores")


@router.post("")
async def create_vector_store(
    project: ProjectDep,
    database: DatabaseDep,
    policy: PolicyDep,
    indexer: IndexerDep,
    body: CreateStore | None = None,
) -> JsonResponse:
    """Make a store; the body may be empty or absent."""
    body = body or CreateStore()
    store = await database.run(
        stores.create, project.id, body.make_store(), body.make_files(), policy
    )
    indexer.wake()
    return JsonResponse(store.rest())


@router.get("")
async def list_vector_stores(
    page: PageQuery, project: ProjectDep, database: DatabaseDep
) -> JsonResponse:
    """List the project's stores."""
    return respond_with_list(await database.run(stores.read_page, project.id, page))


@router.get("/{vector_store_id}")
async def get_vector_store(
    vector_store_id: str, project: ProjectDep, database: DatabaseDep
) -> JsonResponse:
    """Get a store."""
    store = await database.run(stores.get, project.id, vector_store_id)
    return JsonResponse(store.rest())


@router.post("/{vector_store_id}")
async def modify_vector_store(
    vector_store_id: str, body: ModifyStore, project: ProjectDep, database: DatabaseDep
) -> JsonResponse:
    """Change the fields that are sent."""
    store = await database.run(stores.modify, project.id, vector_store_id, body.apply)
    return JsonResponse(store.rest())


@router.delete("/{vector_store_id}")
async def delete_vector_store(
    vector_store_id: str, project: ProjectDep, database: DatabaseDep
) -> JsonResponse:
    """Delete a store; its files stay files of the project."""
    await database.run(stores.delete, project.id, vector_store_id)
    deleted = Deleted(id=vector_store_id, object="vector_store.deleted")
    return JsonResponse(deleted.rest())
