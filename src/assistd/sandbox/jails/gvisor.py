"""gVisor's program `runsc`: where it is, and which version."""

import shutil
import subprocess

from assistd.errors import StartupError
from assistd.sandbox.base import Runsc


def find(runsc: Runsc) -> str:
    """Return the path of the program.

    Raises:
        StartupError: it is not there.
    """
    found = shutil.which(runsc.program)
    if found is None:
        raise StartupError(
            f"{runsc.program} was not found: install gVisor "
            "(https://gvisor.dev/docs/user_guide/install/; on Debian `apt-get install runsc`), "
            "or name it with ASSISTD_RUNSC."
        )
    return found


def read_version(runsc: Runsc) -> str:
    """Return what the program says it is, in one line.

    Raises:
        StartupError: it is not there, or cannot be run.
    """
    try:
        printed = subprocess.run(
            [find(runsc), "--version"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise StartupError(f"{runsc.program} cannot be run: {error}") from error
    return printed.stdout.partition("\n")[0]
