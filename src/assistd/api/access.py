"""Who asks: the project of the API key, and the beta header the Assistants endpoints demand."""

import time
from typing import Annotated

from fastapi import Depends, Header, Request

from assistd.db import keys
from assistd.db.database import Database
from assistd.engine.runner import Runner
from assistd.errors import AuthenticationError, RequestError
from assistd.objects.project import Project

_REMEMBERED_SECONDS = 5.0


async def _runner(request: Request) -> Runner:  # async: a plain function would cost a thread
    return request.app.state.runner


RunnerDep = Annotated[Runner, Depends(_runner)]


class Keyring:
    """Remembers for a few seconds which project a key opens: every request asks.

    A key that is revoked works that much longer. Only keys that open something are remembered.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, tuple[Project, float]] = {}

    async def project_of(self, key: str) -> Project | None:
        """The project that a key opens; None where it opens none."""
        hashed = keys.hashed(key)
        project, until = self._known.get(hashed, (None, 0.0))
        if project is None or until < time.monotonic():
            project = await self._database.read(keys.project_of, hashed)
            if project is None:
                self._known.pop(hashed, None)
            else:
                self._known[hashed] = (project, time.monotonic() + _REMEMBERED_SECONDS)
        return project


async def _project(
    request: Request,
    authorization: Annotated[str | None, Header()] = None,
) -> Project:
    """The project of the bearer key.

    Raises:
        AuthenticationError: there is no key, or nobody's (contract section 9).
    """
    scheme, _, key = (authorization or "").partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not key:
        raise AuthenticationError(
            "You didn't provide an API key. You need to provide your API key in an Authorization "
            "header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY)."
        )
    keyring: Keyring = request.app.state.keyring
    project = await keyring.project_of(key)
    if project is None:
        raise AuthenticationError(
            f"Incorrect API key provided: {_masked(key)}. The server printed its key when it first started.",
            code="invalid_api_key",
        )
    return project


def _masked(key: str) -> str:
    return f"{key[:3]}***{key[-4:]}" if len(key) > 12 else "***"


async def require_beta(openai_beta: Annotated[str | None, Header()] = None) -> None:
    """Demand `OpenAI-Beta: assistants=v2` (trap 1).

    Raises:
        RequestError: the header is absent; v1 was translated before (decision 0022).
    """
    if "assistants=v2" not in (openai_beta or "").replace(" ", ""):
        raise RequestError(
            "You must provide the 'OpenAI-Beta' header to access the Assistants API. Please try "
            "again by setting the header 'OpenAI-Beta: assistants=v2'.",
            code="invalid_beta",
        )


ProjectDep = Annotated[Project, Depends(_project)]
