"""The jails, by name: how each starts its zygote, and which one this host gives."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from assistd.errors import StartupError
from assistd.sandbox.base import JailChoice, JailName, Limits, Runsc
from assistd.sandbox.jails import gvisor
from assistd.sandbox.jails.checks import GVISOR, LANDLOCK, NAMESPACES, RESOURCES_ONLY, Check
from assistd.sandbox.jails.limitations import LIMITATIONS
from assistd.sandbox.limits.cgroups import ControlGroups
from assistd.sandbox.zygote.client import OWN_KERNEL_BYTES, Zygote


@dataclass(frozen=True, slots=True)
class Jail(ABC):
    """One kind of walls, with what it needs of the host.

    Args:
        groups: makes the control groups.
    """

    groups: ControlGroups

    name: ClassVar[JailName]
    checks: ClassVar[tuple[Check, ...]]
    """What must be found around a session of it."""
    own_kernel: ClassVar[bool] = False
    """Whether each zygote has a kernel of its own: tenants share none, and the host's sees no single session."""

    @property
    def limitations(self) -> Mapping[str, str]:
        """What the jail cannot give, by a short name."""
        return LIMITATIONS[self.name]

    @property
    def session_groups(self) -> ControlGroups | None:
        """What makes the control groups of single sessions; None where the host cannot see them."""
        return None if self.own_kernel else self.groups

    @abstractmethod
    async def start(self, python: Path, limits: Limits, lowers: Path | None) -> Zygote:
        """Start a zygote in the jail.

        Args:
            python: the interpreter of the interpreter environment.
            limits: of each session.
            lowers: this process's folder for overlay lowerdirs; None where files are only copied.

        Raises:
            StartupError: this host does not give the jail; says why, and what to do.
        """


class _OnHostKernel(Jail):
    """A jail whose sessions are processes of the host's kernel."""

    __slots__ = ()
    stage: ClassVar[str]
    """The module of the guest that builds the outer walls."""

    async def start(self, python: Path, limits: Limits, lowers: Path | None) -> Zygote:
        """Start a zygote in the jail; `Jail.start` has the arguments and failures."""
        counted = "memory" in self.groups.controllers
        return await Zygote.start(python, limits, lowers, stage=self.stage, holds_sockets=counted)


class Namespaces(_OnHostKernel):
    """The namespaces of the kernel, a read-only root and a system call filter."""

    __slots__ = ()
    name = "namespaces"
    stage = "walls.namespaces_outer"
    checks = NAMESPACES


class Landlock(_OnHostKernel):
    """Landlock and a stricter system call filter, where the host refuses namespaces."""

    __slots__ = ()
    name = "landlock"
    stage = "walls.landlock"
    checks = LANDLOCK


class Unconfined(_OnHostKernel):
    """No walls, only limits."""

    __slots__ = ()
    name = "dangerously_unconfined"
    stage = "walls.unconfined"
    checks = RESOURCES_ONLY


@dataclass(frozen=True, slots=True)
class GVisor(Jail):
    """One zygote in a gVisor sandbox, so that code meets a kernel of its own, not the host's.

    Args:
        runsc: which gVisor.
    """

    runsc: Runsc

    name = "gvisor"
    checks = GVISOR
    own_kernel = True

    async def start(self, python: Path, limits: Limits, lowers: Path | None) -> Zygote:
        """Start runsc, in a control group where there can be one, and a zygote in it; see `Jail.start`."""
        more = {"runsc": gvisor.find(self.runsc), "platform": self.runsc.platform}
        stage = "walls.gvisor_outer"
        try:
            group = self.groups.make_for_sandbox(OWN_KERNEL_BYTES)
            return await Zygote.start(python, limits, lowers, stage=stage, more=more, group=group)
        except OSError as error:
            raise StartupError(f"the sandbox gets no control group: {error}") from error


# The jails that have walls, and those of them that `auto` tries, the best first.
SAFE: tuple[JailName, ...] = ("namespaces", "landlock", "gvisor")
_BY_ITSELF: tuple[JailName, ...] = ("namespaces", "landlock")


def choose(choice: JailChoice, runsc: Runsc, groups: ControlGroups) -> tuple[Jail, ...]:
    """Return the jails to try, the best first.

    Args:
        choice: the operator's; `auto` stands for those that need nothing installed.
        runsc: which gVisor, where that is the jail.
        groups: makes the control groups.
    """
    jails: dict[JailName, Jail] = {
        "namespaces": Namespaces(groups),
        "landlock": Landlock(groups),
        "gvisor": GVisor(groups, runsc),
        "dangerously_unconfined": Unconfined(groups),
    }
    return tuple(jails[name] for name in (_BY_ITSELF if choice == "auto" else (choice,)))


async def start(
    jails: Sequence[Jail], python: Path, limits: Limits, lowers: Path | None
) -> tuple[Jail, Zygote]:
    """Start a zygote in the first of these jails that this host gives; `Jail.start` has the arguments.

    Raises:
        StartupError: none of them works here; says why, and what to do.
    """
    reasons: list[str] = []
    for jail in jails:
        try:
            return jail, await jail.start(python, limits, lowers)
        except StartupError as error:
            reasons.append(str(error))
    raise StartupError("\n".join(reasons))
