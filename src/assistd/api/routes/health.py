"""Health: whether the server answers and its database does, and whether the sandbox is ready."""

from fastapi import APIRouter

from assistd import __version__
from assistd.api.access import RunnerDep
from assistd.db import keys

router = APIRouter()


@router.get("/health")
async def health(runner: RunnerDep) -> dict[str, str]:
    """Answer once the database has; runs with code wait while the sandbox is `starting`."""
    await runner.services.database.run(keys.count)
    sandbox = "ready" if runner.services.workspaces.sessions.is_ready else "starting"
    return {"status": "ok", "version": __version__, "sandbox": sandbox}
