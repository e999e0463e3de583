"""What the server says of its own endpoints, as `/openapi.json` does where that is served."""

from dataclasses import fields
from types import SimpleNamespace
from typing import Any

from assistd.api import asgi
from assistd.engine.policy import Policy
from assistd.engine.services import Services


def describe() -> dict[str, Any]:
    """The description; no server is needed for it."""
    rooms: dict[str, Any] = dict.fromkeys(field.name for field in fields(Services))
    rooms |= {
        "workspaces": SimpleNamespace(sessions=None),
        "policy": Policy(),
        "models": SimpleNamespace(upstream=None),
        "meter": None,
    }
    services: Any = SimpleNamespace(**rooms)
    runner: Any = SimpleNamespace(services=services)
    return asgi.build(runner, runner, runner).openapi()
