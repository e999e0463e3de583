"""Health: whether the server answers and its database does."""

from fastapi import APIRouter

from assistd import __version__
from assistd.api.access import RunnerDep
from assistd.db import keys

router = APIRouter()


@router.get("/health")
async def health(runner: RunnerDep) -> dict[str, str]:
    """Answer once the database has."""
    await runner.services.database.read(keys.count)
    return {"status": "ok", "version": __version__}
