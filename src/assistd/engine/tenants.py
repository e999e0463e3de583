"""Remembers for a few seconds what the sessions of a project may have: every code call asks."""

import time

from assistd.db import projects
from assistd.db.database import Database
from assistd.objects.project import ProjectLimits
from assistd.sandbox.base import Tenant
from assistd.units import MIB

_REMEMBERED_SECONDS = 5.0  # as what a key opens is


class Tenants:
    """Projects as the sandbox knows them; a limit that is changed holds some seconds later."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Tenant, float]] = {}

    async def get(self, database: Database, project_id: str, defaults: ProjectLimits) -> Tenant:
        """Return a project with what its sessions may have.

        Args:
            database: where projects are.
            project_id: whose.
            defaults: the limits of projects that have none of their own.

        Raises:
            NotFoundError: there is no such project.
        """
        tenant, until = self._known.get(project_id, (None, 0.0))
        if tenant is None or until < time.monotonic():
            limits = await database.run(projects.limits_of, project_id, defaults)
            memory = limits.memory_gib and limits.memory_gib * 1024 * MIB
            tenant = Tenant(project_id, max_sessions=limits.sessions, memory_bytes=memory)
            self._known[project_id] = (tenant, time.monotonic() + _REMEMBERED_SECONDS)
        return tenant
