"""Who asks: what the API key opens, and the beta header the Assistants endpoints demand."""

import hashlib
import time
from typing import Annotated, Literal

import structlog
from fastapi import Depends, Header, Request

from assistd import clock, telemetry
from assistd.api.rates import Rates
from assistd.db import keys
from assistd.db.database import FAILURES, Database
from assistd.errors import AuthenticationError, ForbiddenError, RequestError
from assistd.logs import failure
from assistd.objects.project import Access, Caller, Project, ProjectLimits

log = structlog.get_logger()

_DAY = 86_400
_REMEMBERED_SECONDS = 5.0
_REFUSALS_SECONDS = 10.0  # in which one line tells of all


class Keyring:
    """Remembers for a few seconds what a key opens: every request asks.

    A key that is revoked works that much longer, and a limit that is changed holds that much later.
    Only keys that open something are remembered.

    Args:
        database: where keys are.
        defaults: the limits of projects that have none of their own.
    """

    def __init__(self, database: Database, defaults: ProjectLimits) -> None:
        self._database = database
        self._defaults = defaults
        self._known: dict[bytes, tuple[Access, float]] = {}
        self._refused = 0
        self._told_at = -_REFUSALS_SECONDS

    async def find_access(self, key: str) -> Access | None:
        """Return what a key opens, the project with the limits that hold; None where it opens nothing."""
        digest = hashlib.sha256(key.encode()).digest()
        access, until = self._known.get(digest, (None, 0.0))
        if access is None or until < time.monotonic():
            access = await self._database.run(keys.find_access, keys.hash_of(key))
            if access is None:
                self._known.pop(digest, None)
                return None
            await self._note_use(access)
            if access.project:
                limits = access.project.limits.over(self._defaults)
                access = access.evolve(project=access.project.evolve(limits=limits))
            self._known[digest] = (access, time.monotonic() + _REMEMBERED_SECONDS)
        return access

    async def _note_use(self, access: Access) -> None:
        """Note that a key is used today, unless that is known; requests go on where it cannot be written."""
        today = clock.seconds() // _DAY * _DAY
        if access.last_used_at is not None and access.last_used_at >= today:
            return
        try:
            await self._database.run(keys.note_use, access.key_id, today)
        except FAILURES as error:
            log.warning("use of a key not noted", key_id=access.key_id, **failure(error))

    def log_refusal(self, reason: Literal["missing", "unknown"]) -> None:
        """Write a line of the log about a key that was refused; about many at once, one for all."""
        self._refused += 1
        if time.monotonic() - self._told_at >= _REFUSALS_SECONDS:
            log.info("key refused", reason=reason, count=self._refused)
            self._told_at, self._refused = time.monotonic(), 0


async def _access(
    request: Request,
    authorization: Annotated[str | None, Header()] = None,
) -> Access:
    """Return what the bearer key opens.

    Raises:
        AuthenticationError: there is no key, or nobody's (contract section 9).
    """
    scheme, _, key = (authorization or "").partition(" ")
    key = key.strip()
    keyring: Keyring = request.app.state.keyring
    if scheme.lower() != "bearer" or not key:
        keyring.log_refusal("missing")
        raise AuthenticationError(
            "You didn't provide an API key. You need to provide your API key in an Authorization "
            "header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY)."
        )
    access = await keyring.find_access(key)
    if access is None:
        keyring.log_refusal("unknown")
        raise AuthenticationError(
            f"Incorrect API key provided: {_mask(key)}. The server printed its key when it first "
            "started; `assistd keys create` makes another.",
            code="invalid_api_key",
        )
    return access


async def _find_caller(
    request: Request, authorization: Annotated[str | None, Header()] = None
) -> Caller | None:
    """Return who asks, as `_caller` does; None where there is no key."""
    if not authorization:
        return None
    return await _caller(request, await _access(request, authorization))


async def _caller(request: Request, access: Annotated[Access, Depends(_access)]) -> Caller:
    """Return the project of the key, after its request was counted.

    Raises:
        ForbiddenError: it is an admin key.
        RateLimitError: the project has made its requests of this minute.
    """
    if access.project is None:
        raise ForbiddenError(
            "An admin key opens only the organization's endpoints. Use the API key of a project."
        )
    if access.project.limits.requests is not None:
        rates: Rates = request.app.state.rates
        await rates.take(access.project, request.scope["response_headers"])
    telemetry.bind(project_id=access.project.id, key_id=access.key_id)
    return Caller(key_id=access.key_id, project=access.project)


async def _project(caller: Annotated[Caller, Depends(_caller)]) -> Project:
    return caller.project


async def require_admin(access: Annotated[Access, Depends(_access)]) -> None:
    """Demand an admin key.

    Raises:
        ForbiddenError: it is the key of a project.
    """
    if access.project is not None:
        raise ForbiddenError(
            "You have insufficient permissions for this operation. Missing scopes: api.usage.read. "
            "It takes an admin key; `assistd keys create --admin` makes one."
        )


def _mask(key: str) -> str:
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
AnybodyDep = Annotated[Caller | None, Depends(_find_caller)]
CallerDep = Annotated[Caller, Depends(_caller)]
