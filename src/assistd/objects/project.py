"""A project: the tenant that owns every object made with its keys, and what it may use."""

from assistd.objects.base import Object, Timestamp


class ProjectLimits(Object):
    """What a project may use; None means the limit of the settings, or no limit.

    Args:
        requests: requests per minute, over all server processes.
        runs: active runs at once.
        sessions: live sessions at once on one host.
        storage_bytes: bytes of all its files, and of what its vector stores take.
        memory_gib: memory of each of its sessions.
        keep_variables: whether those of its sessions are kept over their planned end; None: they are.
    """

    requests: int | None = None
    runs: int | None = None
    sessions: int | None = None
    storage_bytes: int | None = None
    memory_gib: int | None = None
    keep_variables: bool | None = None

    def over(self, defaults: "ProjectLimits") -> "ProjectLimits":
        """Return these limits, with the defaults for those that are not set."""
        return defaults.evolve(**self.model_dump(exclude_none=True))


class Project(Object):
    """A tenant."""

    id: str
    name: str
    created_at: Timestamp
    archived_at: Timestamp | None = None
    limits: ProjectLimits = ProjectLimits()


class ApiKey(Object):
    """An API key without its secret, which is shown once and never stored.

    Args:
        id: its name in commands and reports.
        project_id: the project it opens; None for an admin key, which opens the organization.
        name: the name that a person gave it.
        created_at: when it was made.
        revoked_at: when it was revoked; null while it is valid.
        redacted: its first and last letters, to tell it from others; null of one from before they were kept.
        last_used_at: when the day began, UTC, on which it was last used; null where that was never noted.
    """

    id: str
    project_id: str | None
    name: str
    created_at: Timestamp
    revoked_at: Timestamp | None = None
    redacted: str | None = None
    last_used_at: Timestamp | None = None


class Access(Object):
    """What a key opens: a project, or as an admin key the organization, where `project` is None.

    Args:
        key_id: the key.
        project: what it opens.
        last_used_at: see `ApiKey`.
    """

    key_id: str
    project: Project | None
    last_used_at: Timestamp | None = None


class Caller(Object):
    """Who makes a request: a project, through one of its keys."""

    key_id: str
    project: Project
