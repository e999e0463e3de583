"""Endings: how a job must end that does not end by itself, and what failures of its parts come to."""

from dataclasses import dataclass
from typing import Literal

from assistd.engine.tools.base import ToolError
from assistd.errors import DatabaseLostError
from assistd.models.base import ErrorCode, ModelError, PreciseCode
from assistd.sandbox.base import BusyError, SandboxError

Stage = Literal["model", "session", "tool", "server"]
"""Where a job failed: asking the model, getting a session, in a tool, or in this server."""

Reason = Literal["cancelled", "expired", "failed", "shutdown", "orphaned", "fault", "taken_over"]
"""Why a job ends that does not end by itself: somebody asked for it, its time is over, what it needs
failed, this server stops or lost its database (the job may go on in another), too many processes died
that executed it, this server has a fault, or another process has the job by now."""

MOST_TAKEOVERS = 3
"""How many processes may die with a job before it is ended (`ORPHANED`): it may be what kills them."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a job must end that does not end by itself.

    Args:
        reason: why.
        code: where it `failed`, what kind of failure it was, for the client.
        message: likewise, for the client.
        precise_code: likewise, where a door has more codes (`ModelError.precise_code`).
        stage: where it failed.
    """

    reason: Reason
    code: ErrorCode = "server_error"
    message: str = ""
    precise_code: PreciseCode = "server_error"
    stage: Stage = "server"


CANCELLED = Ending("cancelled")
EXPIRED = Ending("expired")
SHUTDOWN = Ending("shutdown")
ORPHANED = Ending("orphaned")
FAULT = Ending("fault")
TAKEN_OVER = Ending("taken_over")


def judge_fault(error: Exception) -> Ending | None:
    """Return how a job ends that asks models and calls tools, for what these raise; None for all else."""
    match error:
        case ModelError(code=code, message=message, precise_code=precise_code):
            return Ending("failed", code, message, precise_code, "model")
        case BusyError():
            code = "rate_limit_exceeded"
            return Ending("failed", code, str(error), code, "session")
        case SandboxError():
            return Ending("failed", message=str(error), stage="session")
        case ToolError():
            return Ending("failed", message=str(error), stage="tool")
        case DatabaseLostError():
            return SHUTDOWN  # it goes on from its last recorded step
        case _:
            return None
