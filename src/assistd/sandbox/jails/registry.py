"""The kinds of walls, by name: how each starts its zygote, and which one this host gives."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from assistd.errors import StartupError
from assistd.sandbox.base import JailChoice, JailName, Limits, Runsc
from assistd.sandbox.jails import gvisor
from assistd.sandbox.jails.checks import (
    GVISOR,
    LANDLOCK,
    LANDLOCK_LACKS,
    NAMESPACES,
    NAMESPACES_LACKS,
    RESOURCES_ONLY,
    Wall,
)
from assistd.sandbox.limits.cgroups import ControlGroups
from assistd.sandbox.zygote.client import Zygote

Starter = Callable[[Path, Limits, Path | None, Runsc, ControlGroups], Awaitable[Zygote]]


@dataclass(frozen=True, slots=True)
class Jail:
    """One kind of walls.

    Args:
        name: what the setting calls it.
        start: starts its zygote: the interpreter, the limits of each session, the folder for lower folders,
            which runsc (of use to `gvisor` alone) and whose control groups.
        walls: what must be found around a session of it.
        lacks: what it cannot give, by a short name: tests expect exactly that, `doctor` reports it.
        own_kernel: whether each zygote has a kernel of its own: tenants share none, and the host's
            kernel knows nothing of single sessions.
    """

    name: JailName
    start: Starter
    walls: tuple[Wall, ...]
    lacks: Mapping[str, str] = field(default_factory=dict[str, str])
    own_kernel: bool = False


def _guest(stage: str) -> Starter:
    """Start a zygote whose walls the guest's module `stage` builds."""

    async def start(
        python: Path, limits: Limits, lowers: Path | None, _: Runsc, groups: ControlGroups
    ) -> Zygote:
        held = "memory" in groups.controllers
        return await Zygote.start(python, limits, lowers, stage=stage, holds_sockets=held)

    return start


JAILS: dict[JailName, Jail] = {
    "namespaces": Jail(
        "namespaces", _guest("walls.namespaces_outer"), NAMESPACES, NAMESPACES_LACKS
    ),
    "landlock": Jail("landlock", _guest("walls.landlock"), LANDLOCK, LANDLOCK_LACKS),
    "gvisor": Jail("gvisor", gvisor.start, GVISOR, gvisor.LACKS, own_kernel=True),
    "dangerously_unconfined": Jail(
        "dangerously_unconfined",
        _guest("walls.unconfined"),
        RESOURCES_ONLY,
        {"walls": "code can do whatever the server's user can"},
    ),
}
# The jails that have walls, and those of them that `auto` tries, the best first.
SAFE: tuple[JailName, ...] = ("namespaces", "landlock", "gvisor")
_BY_ITSELF: tuple[JailName, ...] = ("namespaces", "landlock")


async def start(
    choice: JailChoice,
    python: Path,
    limits: Limits,
    lowers: Path | None,
    runsc: Runsc,
    *,
    groups: ControlGroups,
) -> tuple[Jail, Zygote]:
    """Start a zygote in the chosen jail; `auto` takes the strongest that this host gives.

    Raises:
        StartupError: none of them works here; says why, and what to do.
    """
    reasons: list[str] = []
    for name in _BY_ITSELF if choice == "auto" else (choice,):
        jail = JAILS[name]
        try:
            return jail, await jail.start(python, limits, lowers, runsc, groups)
        except StartupError as error:
            reasons.append(str(error))
    raise StartupError("\n".join(reasons))
