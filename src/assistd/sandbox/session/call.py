"""A call while it runs, and how it ends."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from assistd import metrics
from assistd.sandbox.base import Execution
from assistd.sandbox.guest.shared import repair
from assistd.sandbox.session.transcript import Transcript

MOST_CODE_BYTES = 4 << 20

Status = Literal["ok", "error", "interrupted", "timeout", "dead"]


@dataclass(slots=True)
class Call:
    """The call that runs now.

    Args:
        number: which one of the session, from 1 on; 0: nobody asked for it.
        code: the cell.
        seconds: its wall time.
        transcript: what it shows; None: it is a request to flush.
        finished: done with its outcome.
        interrupted: whether it was asked to stop.
        overran: whether its time was over.
        repairs: that the session made to the code.
        began: when (by the clock of `time.perf_counter`).
    """

    number: int
    code: str
    seconds: float
    transcript: Transcript | None
    finished: asyncio.Future[Execution]
    interrupted: bool = False
    overran: bool = False
    repairs: int = 0
    began: float = field(default_factory=time.perf_counter)

    def finish(self, status: Status, notes: Sequence[str], *, was_short: bool = False) -> None:
        """End it, and count how.

        Args:
            status: of its outcome.
            notes: sentences for the model.
            was_short: whether its session died because it held too much memory.
        """
        if self.transcript is None:
            self.finished.set_result(Execution(status, ()))
            return
        if self.number:
            self._count(status, was_short=was_short)
        outputs, cuts = self.transcript.finish()
        repaired = repair.apply(self.code, self.repairs) if self.repairs else None
        self.finished.set_result(
            Execution(status, outputs, (*notes, *cuts), repaired, self.repairs)
        )

    def _count(self, status: Status, *, was_short: bool) -> None:
        outcome: str = status
        if status in {"interrupted", "timeout"}:
            outcome = "timeout" if self.overran else "killed"
        elif status == "dead":
            outcome = "memory" if was_short else "killed"
        metrics.EXEC_OUTCOMES.add(outcome)
        metrics.SESSION_EXEC_SECONDS.observe(time.perf_counter() - self.began, outcome)
