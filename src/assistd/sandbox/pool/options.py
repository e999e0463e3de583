"""What whoever opens a pool says of it: how many sessions, with what, and what runs their code."""

import dataclasses
from pathlib import Path

from assistd.sandbox.base import JailChoice, Limits, Runsc


@dataclasses.dataclass(frozen=True, slots=True)
class PoolSettings:
    """How many sessions a pool opens, and what each may have.

    Args:
        limits: of each session.
        jail: what isolates sessions; `auto` is the strongest that this host gives.
        runsc: which gVisor, where that is the jail.
        max_sessions: how many keys may have a live session at once.
        tenant_sessions: how many of them a tenant may have that names no number of its own; None for
            all of them.
        queue: how many callers of `open` may wait while all sessions are in use.
        queue_seconds: how long one of them waits.
        warm: how many forked sessions wait for the next that is opened.
        lowers: this process's folder for overlay lowerdirs; None where files are only copied.
        cores: how many processors' time a session may take, where control groups can tell.
        control_groups: whether to use those of the host.
        closing_seconds: how long sessions are heard (`Sessions.on_ending`) while all are closed.
    """

    limits: Limits = dataclasses.field(default_factory=Limits)
    jail: JailChoice = "auto"
    runsc: Runsc = dataclasses.field(default_factory=Runsc)
    max_sessions: int = 100
    tenant_sessions: int | None = None
    queue: int = 100
    queue_seconds: float = 60.0
    warm: int = 1
    lowers: Path | None = None
    cores: float | None = None
    control_groups: bool = True
    closing_seconds: float = 10.0


@dataclasses.dataclass(frozen=True, slots=True)
class Interpreter:
    """What runs the code of new sessions.

    Args:
        python: the interpreter of an interpreter environment.
        added: the packages in it that an operator added.
    """

    python: Path
    added: tuple[str, ...] = ()
