"""Tasks of a pool that go on whatever happens, and the room they need."""

import asyncio
import resource
from collections.abc import Callable, Coroutine
from typing import Any

from assistd.logs import Logger, failure

log = Logger()

_AGAIN_SECONDS = 1.0


def start_for_ever(name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
    """Start a task that no trouble ends: without it nobody would be held to a limit any more."""

    async def go_on() -> None:
        while True:
            try:
                await work()
            except Exception as error:  # noqa: BLE001  a host without descriptors, for one
                log.error("sandbox task failed, it starts again", task=name, **failure(error))
            await asyncio.sleep(_AGAIN_SECONDS)

    return asyncio.create_task(go_on(), name=name)


def allow_descriptors() -> None:
    """Take as many open files as the host allows at all: a session needs six, some hosts start at 1024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
