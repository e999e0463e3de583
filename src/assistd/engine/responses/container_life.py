"""The life of containers: how they are made, live on, and expire (contract, responses, 7.3)."""

from assistd import clock, ids
from assistd.db import Connection, nouns
from assistd.db.transaction import transaction
from assistd.engine.policy import Policy
from assistd.errors import RequestError
from assistd.hosting import TIERS
from assistd.objects.responses.container import ExpiresAfter, MemoryLimit, StoredContainer

AUTO_NAME = "auto"
"""The name of containers that responses make."""


def make(
    name: str, memory_limit: MemoryLimit | None = None, minutes: int | None = None
) -> StoredContainer:
    """Return a new container, which is not stored yet."""
    now = clock.seconds()
    return StoredContainer(
        id=ids.new_hex("cntr", 48),
        created_at=now,
        expires_after=ExpiresAfter() if minutes is None else ExpiresAfter(minutes=minutes),
        last_active_at=now,
        memory_limit=memory_limit or "1g",
        name=name,
        lives_since=now,
    )


def insert(connection: Connection, project_id: str, container: StoredContainer) -> None:
    """Insert the row of a container."""
    nouns.containers.insert(
        connection,
        container,
        project_id=project_id,
        name=container.name,
        expires_at=container.expires_at,
    )


def use(connection: Connection, container: StoredContainer) -> StoredContainer:
    """Have a container live on from now, an expired one anew; return it as it is then."""
    used = container.use(clock.seconds())
    if used != container:
        nouns.containers.replace(connection, used, expires_at=used.expires_at)
    return used


@transaction(writes=True, short=True)
def prolong(connection: Connection, container_id: str) -> None:
    """Have a container live on from now, if it is there: a cell runs there, whatever the clock says."""
    container = nouns.containers.find(connection, container_id)
    if container is not None:
        moved = container.evolve(last_active_at=max(clock.seconds(), container.last_active_at))
        if moved != container:
            nouns.containers.replace(connection, moved, expires_at=moved.expires_at)


def get_and_use(connection: Connection, project_id: str, container_id: str) -> StoredContainer:
    """Return a container, which lives on from now if it is not expired.

    Raises:
        NotFoundError: the container is unknown.
    """
    container = nouns.containers.get(connection, container_id, project_id=project_id)
    return container if container.is_expired(clock.seconds()) else use(connection, container)


def require_usable(container: StoredContainer, policy: Policy) -> None:
    """See that files and code may come into a container.

    Raises:
        RequestError: it is expired, and expired ones are not used again on this server.
    """
    if policy.strict_containers and container.is_expired(clock.seconds()):
        raise RequestError("Container is expired.")


def require_tier(memory_limit: MemoryLimit | None, policy: Policy, param: str) -> None:
    """See that sessions may have the memory that is asked for; the smallest tier is always served.

    Raises:
        RequestError: they may not; the message names the largest tier. `param` is what it blames.
    """
    most = max(
        (tier for tier in TIERS if tier * 1024 <= policy.container_memory_mib),
        default=TIERS[0],
    )
    if memory_limit is not None and int(memory_limit.removesuffix("g")) > most:
        raise RequestError(
            f"Invalid value: '{memory_limit}'. The largest memory limit on this server is '{most}g'.",
            param=param,
            code="invalid_value",
        )
