"""Health: whether the server answers and its database does."""

from fastapi import APIRouter
from sqlalchemy import Connection, text

from assistd import __version__
from assistd.api.access import RunnerDep

router = APIRouter()


@router.get("/health")
async def health(runner: RunnerDep) -> dict[str, str]:
    """Answer once the database has."""
    await runner.services.database.read(_ping)
    return {"status": "ok", "version": __version__}


def _ping(connection: Connection) -> None:
    connection.execute(text("SELECT 1"))
