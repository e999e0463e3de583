"""Health: whether the server answers, and whether it should get requests; none of it needs a key."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from assistd import __version__
from assistd.api.services import DatabaseDep, ReadinessDep, SandboxDep
from assistd.db import keys

router = APIRouter()


@router.get("/health")
async def health(database: DatabaseDep, sandbox: SandboxDep) -> dict[str, str]:
    """Answer once the database has; runs with code wait while the sandbox is `starting`."""
    await database.run(keys.count)
    state = "ready" if sandbox.is_ready else "starting"
    return {"status": "ok", "version": __version__, "sandbox": state}


@router.get("/health/live")
async def get_live() -> dict[str, str]:
    """Answer: the event loop does, whatever else fails. Who hears nothing should start the server anew."""
    return {"status": "live"}


@router.get("/health/ready")
async def get_ready(readiness: ReadinessDep) -> JSONResponse:
    """Say whether the server should get requests; 503 names what fails."""
    found = await readiness.examine()
    body: dict[str, Any] = {
        "status": "not ready" if found.failing else "ready",
        "failing": found.failing,
        "upstream": found.upstream,
    }
    return JSONResponse(body, 503 if found.failing else 200)
