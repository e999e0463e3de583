"""Waiting until what is to be measured computes nothing: a sandbox serves before all of it is warm."""

import asyncio
import contextlib
import os
import time

import psutil

_LOOK_SECONDS = 0.5
_RESTING_SECONDS = 0.03  # of processor in that time


def await_rest(pid: int) -> None:
    """Wait until a process and all that it started compute no more (decision 0055)."""
    before = -1.0
    while not 0 <= (spent := _processor_seconds(pid)) - before < _RESTING_SECONDS:
        before = spent
        time.sleep(_LOOK_SECONDS)


async def await_own_rest() -> None:
    """Wait until this process and all that it started compute no more."""
    await asyncio.to_thread(await_rest, os.getpid())


def _processor_seconds(pid: int) -> float:
    root = psutil.Process(pid)
    spent = 0.0
    for each in (root, *root.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = each.cpu_times()
            spent += times.user + times.system
    return spent
