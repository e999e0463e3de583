"""The jail `gvisor`: one zygote in a gVisor sandbox, so that code meets a kernel of its own, not the host's."""

import shutil
import subprocess
from pathlib import Path

from assistd.errors import StartupError
from assistd.sandbox.base import Limits, Runsc
from assistd.sandbox.limits.cgroups import ControlGroups
from assistd.sandbox.zygote.client import OWN_KERNEL_BYTES, Zygote

LACKS = {
    "abstract sockets": "no program can bind or reach one, neither a neighbour's nor its own",
    "32-bit calls": "gVisor has no such calls: they fail instead of ending the session",
    "host namespaces": "sessions of a project are apart by roots and by gVisor's own namespaces of "
    "users, processes and networks; the host sees one sandbox",
    "host ids": "on the host all sessions of a project are one process",
    "inodes of /tmp": "only the files of /mnt/data are counted",
    "priorities": "code may ask gVisor to go first; its kernel is behind the server all the same",
    "rest between calls": "what code left running runs on between calls, in its share of the processor: "
    "the host sees one sandbox, which others of the project use meanwhile",
    "control groups": "a session's memory is watched from inside the sandbox instead",
}


async def start(
    python: Path, limits: Limits, lowers: Path | None, runsc: Runsc, groups: ControlGroups
) -> Zygote:
    """Start runsc and a zygote in it, in a control group of `groups` where those can be; see `Zygote.start`.

    Raises:
        StartupError: there is no runsc, or it does not work here.
    """
    more = {"runsc": find(runsc), "platform": runsc.platform}
    try:
        group = groups.make_for_sandbox(OWN_KERNEL_BYTES)
        return await Zygote.start(
            python, limits, lowers, stage="walls.gvisor_outer", more=more, group=group
        )
    except OSError as error:
        raise StartupError(f"the sandbox gets no control group: {error}") from error


def find(runsc: Runsc) -> str:
    """The path of the program.

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


def version(runsc: Runsc) -> str:
    """What the program says it is, in one line.

    Raises:
        StartupError: it is not there, or cannot be run.
    """
    try:
        said = subprocess.run(
            [find(runsc), "--version"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise StartupError(f"{runsc.program} cannot be run: {error}") from error
    return said.stdout.partition("\n")[0]
