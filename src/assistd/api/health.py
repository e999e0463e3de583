"""Health: whether the server answers and its database does, and whether the sandbox is ready."""

from fastapi import APIRouter

from assistd import __version__
from assistd.api.services import DatabaseDep, SandboxDep
from assistd.db import keys

router = APIRouter()


@router.get("/health")
async def health(database: DatabaseDep, sandbox: SandboxDep) -> dict[str, str]:
    """Answer once the database has; runs with code wait while the sandbox is `starting`."""
    await database.run(keys.count)
    state = "ready" if sandbox.is_ready else "starting"
    return {"status": "ok", "version": __version__, "sandbox": state}
