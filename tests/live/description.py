"""What the server says of its own endpoints, as `/openapi.json` does where that is served."""

from types import SimpleNamespace
from typing import Any

from assistd.api import asgi
from assistd.engine.policy import Policy


def describe() -> dict[str, Any]:
    """The description; no server is needed for it."""
    rooms = ("database", "files", "uploads", "models", "search", "indexer")
    workspaces = SimpleNamespace(sessions=None)
    services: Any = SimpleNamespace(**dict.fromkeys(rooms), workspaces=workspaces, policy=Policy())
    runner: Any = SimpleNamespace(services=services)
    return asgi.build(runner).openapi()
