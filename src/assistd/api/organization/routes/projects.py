"""Projects with their keys and rate limits, and admin keys: read as the hosted admin API has them (contract section 8)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, TypeVar

from fastapi import APIRouter, Depends, Query

from assistd.api.access import require_admin
from assistd.api.json_response import JsonResponse, Listed, respond_with_list
from assistd.api.services import DatabaseDep, PolicyDep
from assistd.db import keys, projects
from assistd.db.collection import Listing
from assistd.db.database import Database
from assistd.errors import NotFoundError, RequestError
from assistd.objects.operator.organization import (
    AdminApiKey,
    OrganizationProject,
    ProjectApiKey,
    ProjectRateLimit,
)
from assistd.objects.project import ApiKey

router = APIRouter(prefix="/organization", dependencies=[Depends(require_admin)])

ItemT = TypeVar("ItemT", bound=Listed)


@dataclass(frozen=True, slots=True)
class _Cut:
    """Which part of a list is wanted: so many items at most, behind the one with this id."""

    limit: int
    after: str | None

    def respond(self, items: Sequence[ItemT]) -> JsonResponse:
        """Return that part of a list.

        Raises:
            RequestError: nothing in the list has that id.
        """
        begins = 0
        if self.after is not None:
            known = [each.id for each in items]
            if self.after not in known:
                raise RequestError(
                    f"Invalid 'after': no item of this list has the id '{self.after}'.",
                    param="after",
                )
            begins = known.index(self.after) + 1
        part = items[begins : begins + self.limit]
        return respond_with_list(Listing(list(part), len(items) > begins + len(part)))


async def _cut(limit: Annotated[int, Query(ge=1, le=100)] = 20, after: str | None = None) -> _Cut:
    return _Cut(limit, after)


CutDep = Annotated[_Cut, Depends(_cut)]


@router.get("/projects")
async def list_projects(
    cut: CutDep, database: DatabaseDep, *, include_archived: bool = False
) -> JsonResponse:
    """List the projects, oldest first."""
    found = await database.run(projects.all_of)
    shown = [each for each in found if include_archived or each.archived_at is None]
    return cut.respond([OrganizationProject.of(each) for each in shown])


@router.get("/projects/{project_id}")
async def get_project(project_id: str, database: DatabaseDep) -> JsonResponse:
    """Get a project."""
    project = await database.run(projects.get, project_id)
    return JsonResponse(OrganizationProject.of(project).rest())


@router.get("/projects/{project_id}/api_keys")
async def list_project_keys(project_id: str, cut: CutDep, database: DatabaseDep) -> JsonResponse:
    """List the keys that open a project, oldest first; what was revoked is gone."""
    await database.run(projects.get, project_id)
    found = await _read_keys(database, project_id)
    return cut.respond([ProjectApiKey.of(each) for each in found])


@router.get("/projects/{project_id}/api_keys/{key_id}")
async def get_project_key(project_id: str, key_id: str, database: DatabaseDep) -> JsonResponse:
    """Get a key of a project."""
    key = _find_key(await _read_keys(database, project_id), key_id)
    return JsonResponse(ProjectApiKey.of(key).rest())


@router.get("/projects/{project_id}/rate_limits")
async def list_rate_limits(
    project_id: str, cut: CutDep, database: DatabaseDep, policy: PolicyDep
) -> JsonResponse:
    """List the rate limits of a project: one, which holds for all models together."""
    project = await database.run(projects.get, project_id)
    limits = project.limits.over(policy.project_limits)
    return cut.respond([ProjectRateLimit.of(project, limits.requests)])


@router.get("/admin_api_keys")
async def list_admin_keys(
    cut: CutDep, database: DatabaseDep, *, order: Literal["asc", "desc"] = "asc"
) -> JsonResponse:
    """List the keys that open the organization."""
    found = [AdminApiKey.of(each) for each in await _read_keys(database, None)]
    return cut.respond(found if order == "asc" else found[::-1])


@router.get("/admin_api_keys/{key_id}")
async def get_admin_key(key_id: str, database: DatabaseDep) -> JsonResponse:
    """Get a key that opens the organization."""
    key = _find_key(await _read_keys(database, None), key_id)
    return JsonResponse(AdminApiKey.of(key).rest())


async def _read_keys(database: Database, project_id: str | None) -> list[ApiKey]:
    """Return the keys that open a project, or the organization (None); oldest first."""
    found = await database.run(keys.all_of)
    return [each for each in found if each.project_id == project_id and each.revoked_at is None]


def _find_key(found: Sequence[ApiKey], key_id: str) -> ApiKey:
    for each in found:
        if each.id == key_id:
            return each
    raise NotFoundError(f"No API key has the id '{key_id}'.")
