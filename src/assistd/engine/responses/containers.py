"""Containers: made by clients or by responses, listed, chosen for a response, deleted."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from assistd import clock
from assistd.db import Connection, containers, nouns
from assistd.db.collection import Listing, Page
from assistd.db.transaction import transaction
from assistd.engine.policy import Policy
from assistd.engine.responses import container_files, container_life
from assistd.engine.responses.container_workspace import ContainerRef
from assistd.engine.services import Services
from assistd.objects.responses.container import Container, StoredContainer
from assistd.objects.responses.response import AutoContainer
from assistd.periodic import Duty

_KIND = "cntr_"
_EXPIRY_SECONDS = 5.0
_SOON_SECONDS = 30  # a container that expires so soon is prolonged while a cell runs there
_SWEEP_SECONDS = 3600.0
_DAY_SECONDS = 86_400


@transaction(writes=True)
def create(
    connection: Connection,
    project_id: str,
    container: StoredContainer,
    file_ids: Sequence[str],
    policy: Policy,
) -> Container:
    """Insert a container with copies of files of the project; return it as clients see it.

    Raises:
        NotFoundError: a file is unknown.
        RequestError: the server has not so much memory for it.
        StorageQuotaError: the project may not keep the copies.
    """
    container_life.require_tier(container.memory_limit, policy, "memory_limit")
    container_life.insert(connection, project_id, container)
    limits = policy.project_limits
    container_files.add_copies(connection, project_id, container.id, file_ids, limits)
    return container.show(clock.seconds())


@transaction(writes=True, short=True)
def get(connection: Connection, project_id: str, container_id: str) -> Container:
    """Return a container as clients see it; one that runs lives on from now.

    Raises:
        NotFoundError: the container is unknown.
    """
    container = container_life.get_and_use(connection, project_id, container_id)
    return container.show(clock.seconds())


@transaction(short=True)
def read_page(
    connection: Connection, project_id: str, page: Page, name: str | None = None
) -> Listing[Container]:
    """Return one page of a project's containers; none lives on for it (contract, responses, trap 41).

    Args:
        connection: a transaction.
        project_id: whose.
        page: which part.
        name: only those of this name; None for all.

    Raises:
        RequestError: a cursor names no container in the list.
    """
    scope: dict[str, Any] = {"project_id": project_id}
    scope |= {} if name is None else {"name": name}
    found = nouns.containers.page(connection, page, **scope)
    now = clock.seconds()
    return Listing([container.show(now) for container in found.items], found.has_more)


async def delete(services: Services, project_id: str, container_id: str) -> None:
    """Delete a container with its files, and end its session; a cell that runs there is stopped.

    Raises:
        NotFoundError: the container is unknown.
    """
    freed = await services.database.run(_delete, project_id, container_id)
    await services.workspaces.close(container_id)
    await services.files.discard(*freed)


async def choose(
    services: Services,
    project_id: str,
    asked: AutoContainer | str,
    used: Iterable[str],
    *,
    input_file_ids: Sequence[str] = (),
) -> ContainerRef:
    """Return the container of a response; see `ContainerRef`.

    That is the one that is named; with `auto` the newest one of the context that can be used, else a
    new one (contract, responses, 7.1).

    Args:
        services: the rooms.
        project_id: whose.
        asked: what the tool of the response says.
        used: ids of the containers that calls in the context ran in, oldest first. Clients may have
            sent them: those of other projects and servers are passed over.
        input_file_ids: files that stand in the context: they are put there, too, unless they are
            unknown or deleted by now.

    Raises:
        NotFoundError: the container that is named, or a file of the tool, is unknown.
        RequestError: it is expired, and stays so on this server; or it asks for too much memory.
    """
    return await services.database.run(
        _choose,
        project_id,
        asked,
        tuple(used),
        input_file_ids=tuple(input_file_ids),
        policy=services.policy,
    )


def duties(services: Services) -> list[Duty]:
    """Return what a process does for containers as long as it serves."""
    run, workspaces = services.database.run, services.workspaces

    async def tend_sessions() -> None:
        """Have containers live on where a cell runs; end the sessions of those that live no more.

        They expired, or were deleted, also by another server.
        """
        served = {
            key: runs for key, runs in workspaces.list_keys().items() if key.startswith(_KIND)
        }
        if not served:
            return
        soon = clock.seconds() + _SOON_SECONDS
        for key in served.keys() - await run(containers.find_running, served.keys(), soon):
            if served[key]:
                await run(container_life.prolong, key)
            else:
                await workspaces.close_if(key, partial(is_over, key))

    async def is_over(key: str) -> bool:
        return not await run(containers.find_running, [key], clock.seconds())

    async def delete_files() -> None:
        """Delete the files of containers that expired long ago; they stay listed."""
        before = clock.seconds() - services.policy.container_days * _DAY_SECONDS
        await services.files.discard(*await services.database.run(_delete_files, before))

    return [
        Duty("sessions of expired containers", tend_sessions, _EXPIRY_SECONDS),
        Duty("files of expired containers", delete_files, _SWEEP_SECONDS),
    ]


@transaction(writes=True, short=True)
def _delete(connection: Connection, project_id: str, container_id: str) -> list[str]:
    nouns.containers.get(connection, container_id, project_id=project_id)
    nouns.containers.delete(connection, container_id, expires_at=None)
    return containers.remove_files(connection, container_id)


@transaction(writes=True)
def _delete_files(connection: Connection, before: int) -> list[str]:
    freed: list[str] = []
    for due in nouns.containers.due(connection, "expires_at", before):
        container = nouns.containers.find(connection, due.id)  # locked from here on
        if container and container.is_expired(before):
            freed += containers.remove_files(connection, container.id)
            nouns.containers.replace(connection, container, expires_at=None)
    return freed


@transaction(short=True)
def _choose(
    connection: Connection,
    project_id: str,
    asked: AutoContainer | str,
    used: Sequence[str],
    *,
    input_file_ids: tuple[str, ...],
    policy: Policy,
) -> ContainerRef:
    if isinstance(asked, str):
        named = nouns.containers.get(connection, asked, project_id=project_id)
        container_life.require_usable(named, policy)
        return ContainerRef(project_id, named, input_file_ids, policy)
    container_files.require_known(connection, project_id, asked.file_ids or ())
    file_ids = (*(asked.file_ids or ()), *input_file_ids)
    param = "tools[0].container.memory_limit"
    container_life.require_tier(asked.memory_limit, policy, param)
    for container_id in dict.fromkeys(reversed(used)):
        known = nouns.containers.find(connection, container_id, project_id=project_id)
        if known and not (policy.strict_containers and known.is_expired(clock.seconds())):
            return ContainerRef(project_id, known, file_ids, policy)
    new = container_life.make(container_life.AUTO_NAME, asked.memory_limit)
    return ContainerRef(project_id, new, file_ids, policy, is_new=True)
