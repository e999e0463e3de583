"""The jail `gvisor`: one zygote in a gVisor sandbox, so that code meets a kernel of its own, not the host's."""

import shutil
from pathlib import Path

from assistd.errors import StartupError
from assistd.sandbox.base import Limits
from assistd.sandbox.walls import Wall
from assistd.sandbox.zygote import Zygote

WALLS: tuple[Wall, ...] = ()
LACKS: dict[str, str] = {}


async def start(python: Path, limits: Limits, lowers: Path | None) -> Zygote:
    """Start runsc and a zygote in it; see `Zygote.start`.

    Raises:
        StartupError: there is no runsc, or it does not work here.
    """
    runsc = shutil.which("runsc")
    if runsc is None:
        raise StartupError(
            "runsc was not found: install gVisor (https://gvisor.dev/docs/user_guide/install/; "
            "on Debian `apt-get install runsc`), or name it with ASSISTD_RUNSC."
        )
    more = {"runsc": runsc, "platform": None}
    return await Zygote.start(python, limits, lowers, stage="gvisor", more=more)
