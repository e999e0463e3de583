"""The first and the last moment of a session's process: its fork, and what its exit code says."""

import asyncio
import os
import signal

from assistd.sandbox.base import Limits, SandboxError
from assistd.sandbox.guest.shared import folders
from assistd.sandbox.limits.cgroups import ControlGroup
from assistd.sandbox.zygote.client import Zygote
from assistd.sandbox.zygote.process_handle import Spawned

_OPEN_SECONDS = 20.0


async def spawn(zygote: Zygote, limits: Limits, group: ControlGroup | None) -> tuple[Spawned, int]:
    """Fork a session and wait until it has shut itself in; nothing is left of it where that fails.

    Returns:
        The process, and a descriptor of its data folder.

    Raises:
        OSError: this host has no room for another session.
        SandboxError: it could not; the message says why.
    """
    spawned = await zygote.spawn(limits, group)
    data = -1 if spawned.data is None else spawned.data
    try:
        async with asyncio.timeout(_OPEN_SECONDS):
            data = await spawned.receive_data_folder()
    except BaseException as error:
        spawned.process.signal(signal.SIGKILL)
        spawned.close()
        if data >= 0:
            os.close(data)
        if spawned.lower is not None:
            spawned.lower.remove()
        if spawned.folder is not None:
            await asyncio.shield(spawned.died)
            await asyncio.to_thread(folders.remove_session, spawned.folder)
        if isinstance(error, TimeoutError):
            raise SandboxError("a new session did not get ready in time") from error
        raise
    return spawned, data


def describe_exit(code: int) -> str:
    """Return what an exit code says to a reader."""
    if code >= 0:
        return f"it exited with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"it was killed by {name}"
