"""Examines a live session from outside: which walls really stand around it, and which do not."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from assistd.errors import AssistdError
from assistd.sandbox import host
from assistd.sandbox.base import JailChoice, JailName, Limits, Runsc
from assistd.sandbox.environments import programs
from assistd.sandbox.jails import gvisor, registry
from assistd.sandbox.jails.registry import Jail
from assistd.sandbox.limits.cgroups import ControlGroups
from assistd.sandbox.limits.hierarchy import WANTED
from assistd.sandbox.session.session import GuestSession
from assistd.sandbox.zygote.client import Zygote

_NO_GROUPS = ControlGroups(use=False)


@dataclass(frozen=True, slots=True)
class Finding:
    """One wall.

    Args:
        name: what it is.
        stands: whether it is in force around the session that was examined.
        meaning: what it keeps, or, where it does not stand, what is open for want of it.
        required: whether `serve` must not start without it.
    """

    name: str
    stands: bool
    meaning: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What isolation this host gives.

    Args:
        jail: which jail was examined; None where none could be had.
        failure: why no session could be started; None where one was.
        findings: the walls around it.
        limitations: what this jail cannot give: names and meanings.
        others: the other jails: None where this host could run it, else why not.
        remedies: what on the host would have to change, as far as it is known.
    """

    jail: JailName | None
    failure: str | None
    findings: tuple[Finding, ...] = ()
    limitations: tuple[tuple[str, str], ...] = ()
    others: tuple[tuple[JailName, str | None], ...] = ()
    remedies: tuple[str, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether every wall that is required stands."""
        return self.failure is None and all(one.stands for one in self.findings if one.required)


async def examine(
    python: Path,
    *,
    limits: Limits | None = None,
    jail: JailChoice = "auto",
    lowers: Path | None = None,
    runsc: Runsc | None = None,
) -> Diagnosis:
    """Start a session in `jail` and look at it through the kernel's eyes.

    Args:
        python: the interpreter of the interpreter environment.
        limits: of the session.
        jail: what shuts it in.
        lowers: this process's folder for overlay lowerdirs; None where files are only copied.
        runsc: which gVisor, where that is the jail.
    """
    limits, runsc = limits or Limits(), runsc or Runsc()
    try:
        jails = registry.choose(jail, runsc, _NO_GROUPS)
        taken, zygote = await registry.start(jails, python, limits, lowers)
    except AssistdError as error:
        return Diagnosis(None, str(error), remedies=tuple(host.remedies()))
    try:
        with _trial_groups() as groups:
            findings = await look_over(zygote, limits, taken, python, groups)
        if taken.own_kernel:
            findings += (_gvisor(runsc),)
    except AssistdError as error:
        return Diagnosis(taken.name, str(error), remedies=tuple(host.remedies()))
    finally:
        await zygote.close()
    names: list[JailName] = [name for name in registry.SAFE if name != taken.name]
    reasons = await asyncio.gather(*(_trial(name, python, limits, runsc) for name in names))
    others = tuple(zip(names, reasons, strict=True))
    limitations = tuple(taken.limitations.items())
    return Diagnosis(taken.name, None, findings, limitations, others)


async def look_over(
    zygote: Zygote,
    limits: Limits,
    jail: Jail,
    python: Path,
    groups: ControlGroups | None = None,
) -> tuple[Finding, ...]:
    """Start a session of a running zygote, look at it through the kernel's eyes, and end it.

    Args:
        zygote: forks the session.
        limits: of the session.
        jail: in which the zygote was started.
        python: the interpreter of the interpreter environment.
        groups: the control groups that a server can make; those of the jail where there are none.

    Raises:
        SandboxError: no session can be had; the message says why.
    """
    groups = groups or jail.groups
    return (
        *await _look_around(zygote, limits, jail),
        _files_are_linked(zygote),
        _programs(python),
        *(
            [_group_holds_all(groups)]
            if jail.own_kernel
            else [_groups_hold(groups), _groups_freeze(groups)]
        ),
    )


async def _look_around(zygote: Zygote, limits: Limits, jail: Jail) -> tuple[Finding, ...]:
    session = await GuestSession.open(zygote, limits)
    try:
        await session.rehearse()  # the last wall stands before the first cell, after the greeting
        seen = zygote.pid if session.pid is None else session.pid
        return tuple(
            Finding(check.name, check.stands(seen), check.meaning, check.required)
            for check in jail.checks
        )
    finally:
        await session.close()


def _files_are_linked(zygote: Zygote) -> Finding:
    meaning = "an attached file costs no copy; what code does to it is done to a copy in memory"
    if zygote.copies is not None:
        meaning = f"attached files are copied into the session's folder: {zygote.copies}"
    return Finding("linked files", zygote.copies is None, meaning, required=False)


def _programs(python: Path) -> Finding:
    """Return which programs of the list sessions do not find, because this host lacks them."""
    missing = programs.missing(python.parents[1])
    meaning = "sessions find every program of the list on their PATH"
    if missing:
        meaning = f"this host lacks what other hosts have for sessions: {', '.join(missing)}"
    return Finding("programs", not missing, meaning, required=False)


def _gvisor(runsc: Runsc) -> Finding:
    platform = runsc.platform or "of its own choice"
    meaning = f"{gvisor.read_version(runsc)}, platform {platform}"
    return Finding("gVisor", stands=True, meaning=meaning, required=False)


def _groups_hold(groups: ControlGroups) -> Finding:
    """Return which control groups this server can make for sessions."""
    found = groups.controllers
    meaning = "the kernel holds memory, processes and processor share of each session"
    if missing := ", ".join(sorted(WANTED - found)):
        meaning = f"not held by the kernel, but limited or watched from outside: {missing}"
    return Finding("control groups", not missing, meaning, required=False)


def _groups_freeze(groups: ControlGroups) -> Finding:
    """Return whether this server can freeze sessions by control groups."""
    frozen = groups.can_freeze
    meaning = "between calls a control group of version 2 freezes what code left running"
    if not frozen:
        meaning = (
            "between calls what code left running is stopped by signals, for there is no control group "
            "of version 2: code that has itself woken runs on until it is found and its session ended"
        )
    return Finding("frozen between calls", frozen, meaning, required=False)


def _group_holds_all(groups: ControlGroups) -> Finding:
    """Return whether this server can make a control group for a sandbox of many sessions."""
    held = "memory" in groups.controllers
    meaning = "the kernel holds the sandbox to 1.5 GiB and what its sessions may have together"
    if not held:
        meaning = (
            "nothing outside holds the sandbox's memory, only what watches each session inside"
        )
    return Finding("control group of the sandbox", held, meaning, required=False)


@contextmanager
def _trial_groups() -> Generator[ControlGroups]:
    """Hold control groups like those of a server, for a look at what they can."""
    groups = ControlGroups()
    groups.open()
    try:
        yield groups
    finally:
        groups.close()


async def _trial(jail: JailName, python: Path, limits: Limits, runsc: Runsc) -> str | None:
    """Return why this host cannot run `jail`; None where it can."""
    try:
        jails = registry.choose(jail, runsc, _NO_GROUPS)
        _, zygote = await registry.start(jails, python, limits, None)
        try:
            await (await GuestSession.open(zygote, limits)).close()
        finally:
            await zygote.close()
    except AssistdError as error:
        return str(error)
    return None
