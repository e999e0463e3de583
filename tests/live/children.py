"""Processes that tests start. None outlives the process of the tests, however that one ends."""

import signal
import subprocess
from collections.abc import Sequence
from typing import Any


def bound(command: Sequence[Any], death: signal.Signals = signal.SIGKILL) -> list[str]:
    """Return the command, so that the kernel ends its process when the thread that starts it ends.

    The process keeps its id: `setpriv` becomes the command (PR_SET_PDEATHSIG, prctl(2)). Start it from
    the main thread, as fixtures and tests do.

    Args:
        command: what is to run.
        death: the signal it gets when whoever started it is gone.
    """
    return ["setpriv", "--pdeathsig", death.name.removeprefix("SIG"), *map(str, command)]


def start(
    command: Sequence[Any], death: signal.Signals = signal.SIGKILL, **options: Any
) -> "subprocess.Popen[Any]":
    """Start a process that ends at the latest when the process of the tests does.

    Args:
        command: what is to run.
        death: the signal it gets when whoever started it is gone.
        options: those of `subprocess.Popen`.
    """
    return subprocess.Popen(bound(command, death), **options)
