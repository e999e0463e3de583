"""Readiness: whether this server should get requests, and the names of what fails where it should not."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from assistd.db import keys
from assistd.engine.services import Services

if TYPE_CHECKING:
    from assistd.models.upstream.connection import Upstream

Part = Literal["database", "blobs", "sandbox", "draining"]
UpstreamState = Literal["none", "unknown", "reachable", "unreachable"]

_CHECK_SECONDS = 2.0
_REMEMBERED_SECONDS = 1.0  # anybody may ask, as often as they like
_UPSTREAM_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Condition:
    """How a server is.

    Args:
        failing: what it needs and does not have; nothing: it is ready.
        upstream: whether the model's server answered lately; shown, but not needed.
    """

    failing: tuple[Part, ...]
    upstream: UpstreamState


class Readiness:
    """Finds out whether a server is ready.

    Args:
        services: the rooms.
    """

    def __init__(self, services: Services) -> None:
        self.is_draining = False
        """Whether the server was asked to stop: it works on, and should get nothing new."""
        self._services = services
        self._lock = asyncio.Lock()
        self._failing: tuple[Part, ...] = ()
        self._found_until = 0.0
        self._upstream: UpstreamState = "unknown" if services.models.upstream else "none"
        self._upstream_until = 0.0
        self._asking: asyncio.Task[None] | None = None

    async def examine(self) -> Condition:
        """Return how the server is; what was found within the last second is not looked for again."""
        async with self._lock:
            if time.monotonic() >= self._found_until:
                self._failing = await self._find_failing()
                self._found_until = time.monotonic() + _REMEMBERED_SECONDS
        self._refresh_upstream()
        draining: tuple[Part, ...] = ("draining",) if self.is_draining else ()
        return Condition((*self._failing, *draining), self._upstream)

    async def _find_failing(self) -> tuple[Part, ...]:
        services = self._services
        checks: dict[Part, Callable[[], Awaitable[object]]] = {
            "database": lambda: services.database.run(keys.count),
            "blobs": services.files.check,
        }
        works = await asyncio.gather(*(_works(check) for check in checks.values()))
        failing: list[Part] = [part for part, does in zip(checks, works, strict=True) if not does]
        if not services.workspaces.sessions.is_ready:
            failing.append("sandbox")
        return tuple(failing)

    def _refresh_upstream(self) -> None:
        """Ask the upstream now and then; who asks us does not wait for it."""
        upstream = self._services.models.upstream
        if upstream and time.monotonic() >= self._upstream_until:
            self._upstream_until = time.monotonic() + _UPSTREAM_SECONDS
            self._asking = asyncio.create_task(self._ask(upstream), name="upstream state")

    async def _ask(self, upstream: "Upstream") -> None:
        self._upstream = "reachable" if await upstream.is_reachable() else "unreachable"


async def _works(check: Callable[[], Awaitable[object]]) -> bool:
    """Tell whether a check ends well, and in time."""
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            await check()
    except Exception:  # noqa: BLE001  whatever it is, it fails; its message may quote a URL with a password
        return False
    return True
