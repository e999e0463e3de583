"""What the hosted admin API calls projects, keys and rate limits; here they are only read (contract section 8)."""

from typing import Literal

from assistd.objects.base import Object, Timestamp
from assistd.objects.project import ApiKey, Project

_NO_LIMIT = 2_147_483_647  # the hosted object has no word for it, and its clients want a number


class OrganizationProject(Object):
    """A project."""

    object: Literal["organization.project"] = "organization.project"
    id: str
    name: str
    created_at: Timestamp
    archived_at: Timestamp | None
    status: Literal["active", "archived"]

    @classmethod
    def of(cls, project: Project) -> "OrganizationProject":
        """Return a project as the hosted admin API shows it."""
        return cls(
            id=project.id,
            name=project.name,
            created_at=project.created_at,
            archived_at=project.archived_at,
            status="archived" if project.archived_at else "active",
        )


class ServiceAccount(Object):
    """In whose name a key works: there are no users here, so that each key is an account of its own."""

    object: Literal["organization.project.service_account"] = "organization.project.service_account"
    id: str
    name: str
    role: Literal["member"] = "member"
    created_at: Timestamp


class KeyOwner(Object):
    """Who owns the key of a project."""

    type: Literal["service_account"] = "service_account"
    service_account: ServiceAccount


class ProjectApiKey(Object):
    """A key of a project, without its secret."""

    object: Literal["organization.project.api_key"] = "organization.project.api_key"
    id: str
    name: str
    redacted_value: str
    created_at: Timestamp
    last_used_at: Timestamp | None = None
    expires_at: Timestamp | None = None
    owner: KeyOwner
    owner_project_access: Literal["active"] = "active"

    @classmethod
    def of(cls, key: ApiKey) -> "ProjectApiKey":
        """Return a key as the hosted admin API shows it."""
        account = ServiceAccount(id=key.id, name=key.name, created_at=key.created_at)
        return cls(
            id=key.id,
            name=key.name,
            redacted_value=key.redacted or "sk-***",
            created_at=key.created_at,
            last_used_at=key.last_used_at,
            owner=KeyOwner(service_account=account),
        )


class AdminOwner(Object):
    """Who owns an admin key: whoever runs the server."""

    object: Literal["organization.user"] = "organization.user"
    type: Literal["user"] = "user"
    id: str = "operator"
    name: str = "operator"
    role: Literal["owner"] = "owner"
    created_at: Timestamp


class AdminApiKey(Object):
    """A key of the organization, without its secret."""

    object: Literal["organization.admin_api_key"] = "organization.admin_api_key"
    id: str
    name: str
    redacted_value: str
    created_at: Timestamp
    last_used_at: Timestamp | None = None
    expires_at: Timestamp | None = None
    owner: AdminOwner

    @classmethod
    def of(cls, key: ApiKey) -> "AdminApiKey":
        """Return a key as the hosted admin API shows it."""
        return cls(
            id=key.id,
            name=key.name,
            redacted_value=key.redacted or "sk-admin-***",
            created_at=key.created_at,
            last_used_at=key.last_used_at,
            owner=AdminOwner(created_at=key.created_at),
        )


class ProjectRateLimit(Object):
    """The requests that a project may make in a minute, whichever model they are for."""

    object: Literal["project.rate_limit"] = "project.rate_limit"
    id: str
    model: str = "*"
    max_requests_per_1_minute: int
    max_tokens_per_1_minute: int = _NO_LIMIT

    @classmethod
    def of(cls, project: Project, requests: int | None) -> "ProjectRateLimit":
        """Return the limit that holds for a project; None means no limit."""
        most = _NO_LIMIT if requests is None else requests
        return cls(id=f"rl-{project.id}", max_requests_per_1_minute=most)
