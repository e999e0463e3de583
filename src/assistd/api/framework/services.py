"""What the app provides to its endpoints: services that are there from the start to the end."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request


def provide(app: FastAPI, **services: object) -> None:
    """Give an app services, by name, for `find_service`."""
    for name, service in services.items():
        setattr(app.state, name, service)


def find_service(name: str) -> Callable[[Request], Awaitable[Any]]:
    """Return a dependency whose value is the app's service of that name."""

    async def get_service(request: Request) -> Any:
        return getattr(request.app.state, name)

    return get_service
