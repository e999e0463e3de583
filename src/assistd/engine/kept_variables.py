"""The variables that are kept for the next session of a thread or a container, as its owner looks at them."""

from assistd.engine.services import Services
from assistd.errors import NotFoundError
from assistd.objects.own.snapshot import Snapshot


async def get(services: Services, key: str) -> Snapshot:
    """Return what is kept.

    Raises:
        NotFoundError: nothing is.
    """
    snapshots = services.workspaces.snapshots
    found = await snapshots.find(key) if snapshots else None
    if found is None:
        raise NotFoundError(f"No variables are kept of '{key}'.")
    return found


async def delete(services: Services, key: str) -> None:
    """Forget what is kept.

    Raises:
        NotFoundError: nothing is.
    """
    await get(services, key)
    assert services.workspaces.snapshots is not None
    await services.workspaces.snapshots.delete(key)
