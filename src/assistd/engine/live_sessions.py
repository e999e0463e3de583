"""Sessions as their owners see them: what the one of a thread or a container takes, and its end at a wish."""

from assistd import clock
from assistd.db import Connection, nouns, projects, sessions
from assistd.db.transaction import transaction
from assistd.db.workspaces import tiers
from assistd.engine.policy import Policy
from assistd.engine.responses import container_life
from assistd.engine.services import Services
from assistd.errors import RequestError
from assistd.objects.metered_session import SessionState
from assistd.objects.responses.container import MemoryLimit
from assistd.periodic import Duty

_LOOK_SECONDS = 5.0


async def describe(services: Services, key: str) -> SessionState:
    """Return the session of a thread or a container as it is now."""
    policy, here = services.policy, services.workspaces.sessions
    since = clock.seconds() - policy.session_seconds
    metered = await services.database.run(sessions.find_open, key, since)
    use = await here.measure(key)
    if metered is None:  # one that was opened this moment is met at the next look
        return SessionState()
    state = SessionState(
        status="elsewhere",
        id=metered.id,
        opened_at=metered.opened_at,
        ends_at=metered.opened_at + policy.session_seconds,
        billed=metered.billed,
        price=policy.session_prices[metered.memory_gib] if metered.billed else 0,
    )
    if use is None:
        return state
    return state.evolve(
        status="live",
        ends_at=int(use.ends_at),
        memory_bytes=use.memory_bytes,
        memory_limit_bytes=use.memory_limit_bytes,
        cpu_seconds=use.cpu_seconds,
        jail=here.jail,
    )


async def end(services: Services, key: str) -> SessionState:
    """End the session of a thread or a container, also one of another server; files stay.

    A cell that runs in it ends as if its interpreter had died. Another server notices within seconds.
    """
    await services.workspaces.close(key)
    return await _record_end(services, key)


async def resize_of_thread(
    services: Services, project_id: str, thread_id: str, memory_limit: MemoryLimit
) -> SessionState:
    """Have the sessions of a thread have more memory, or less, from now on; variables stay.

    A session that it has now ends, once no cell runs in it.

    Raises:
        NotFoundError: the thread is unknown.
        RequestError: this server, or the project, has not so much memory for it.
    """
    await services.database.run(
        _resize_thread, project_id, thread_id, memory_limit, services.policy
    )
    await services.workspaces.retire(thread_id)
    return await _record_end(services, thread_id)


async def resize_of_container(
    services: Services, project_id: str, container_id: str, memory_limit: MemoryLimit
) -> SessionState:
    """Have the sessions of a container have more memory, or less, from now on; see `resize_of_thread`."""
    await services.database.run(
        _resize_container, project_id, container_id, memory_limit, services.policy
    )
    await services.workspaces.retire(container_id)
    return await _record_end(services, container_id)


async def _record_end(services: Services, key: str) -> SessionState:
    """Record that the session of a workspace is over, for another server that may have it; return what is left."""
    since = clock.seconds() - services.policy.session_seconds
    if metered := await services.database.run(sessions.find_open, key, since):
        await services.database.run(sessions.record_closed, metered.id)
    return await describe(services, key)


@transaction(writes=True, short=True)
def _resize_thread(
    connection: Connection, project_id: str, thread_id: str, limit: MemoryLimit, policy: Policy
) -> None:
    nouns.threads.get(connection, thread_id, project_id=project_id)
    _require_tier(connection, project_id, limit, policy)
    tiers.replace(connection, thread_id, int(limit.removesuffix("g")))


@transaction(writes=True, short=True)
def _resize_container(
    connection: Connection, project_id: str, container_id: str, limit: MemoryLimit, policy: Policy
) -> None:
    container = nouns.containers.get(connection, container_id, project_id=project_id)
    _require_tier(connection, project_id, limit, policy)
    nouns.containers.replace(connection, container.evolve(memory_limit=limit))


def _require_tier(
    connection: Connection, project_id: str, limit: MemoryLimit, policy: Policy
) -> None:
    container_life.require_tier(limit, policy, "memory_limit")
    own = projects.limits_of(connection, project_id, policy.project_limits).memory_gib
    if own is not None and int(limit.removesuffix("g")) > own:
        raise RequestError(
            f"Invalid value: '{limit}'. The largest memory limit of this project is '{own}g'.",
            param="memory_limit",
            code="invalid_value",
        )


@transaction(short=True)
def _was_resized(connection: Connection, key: str, session_id: str) -> bool:
    """Tell whether a session has another memory than the next one of its workspace is to have."""
    container = nouns.containers.find(connection, key)
    tier = container.memory_gib if container else tiers.find(connection, key) or 1
    return sessions.find_tier(connection, session_id) != tier


def make_duty(services: Services) -> Duty:
    """Return the duty to end sessions whose end was recorded by another server."""

    async def close_ended() -> None:
        keys = {id_: key for key, id_ in services.workspaces.session_ids.items()}
        for id_ in await services.database.run(sessions.find_closed, list(keys)) if keys else ():
            is_resized = await services.database.run(_was_resized, keys[id_], id_)
            end = services.workspaces.retire if is_resized else services.workspaces.close
            await end(keys[id_])

    return Duty("sessions that others ended", close_ended, _LOOK_SECONDS)
