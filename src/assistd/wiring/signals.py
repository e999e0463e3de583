"""The signals by which a process is told to end."""

import asyncio
import signal


def catch_end_signals() -> asyncio.Event:
    """Return what SIGINT and SIGTERM set from now on, in place of ending this process."""
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    return ended
