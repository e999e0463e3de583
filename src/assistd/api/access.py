"""Who asks: the project of the API key, and the beta header the Assistants endpoints demand."""

from typing import Annotated

from fastapi import Depends, Header, Request

from assistd.db import keys
from assistd.engine.runner import Runner
from assistd.errors import AuthenticationError, RequestError
from assistd.objects.project import Project


async def _runner(request: Request) -> Runner:  # async: a plain function would cost a thread
    return request.app.state.runner


RunnerDep = Annotated[Runner, Depends(_runner)]


async def _project(
    runner: RunnerDep,
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
    project = await runner.services.database.read(keys.project_of, keys.hashed(key))
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
        RequestError: the header is absent, or asks for the retired v1.
    """
    if "assistants=v2" not in (openai_beta or "").replace(" ", ""):
        raise RequestError(
            "You must provide the 'OpenAI-Beta' header to access the Assistants API. Please try "
            "again by setting the header 'OpenAI-Beta: assistants=v2'.",
            code="invalid_beta",
        )


ProjectDep = Annotated[Project, Depends(_project)]
