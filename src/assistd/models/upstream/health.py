"""What became of the last requests to an upstream, for operators; nothing is asked to find out."""

from dataclasses import dataclass

from assistd import clock

_FAILURES = frozenset({401, 403, 407, 429})  # which no other request would be spared


@dataclass(slots=True)
class Health:
    """The outcomes of what was asked of one upstream since this server started.

    Args:
        backend: what the upstream is to this server: `upstream`, or the built-in `local` one.
        host: its host and port.
        answered_at: when it last answered (Unix seconds); None where it never did.
        failed_at: when it last failed; likewise.
        failure: what kind of failure that was.
        successes: how many requests it has answered.
        failures: how many times it failed.
    """

    backend: str
    host: str
    answered_at: int | None = None
    failed_at: int | None = None
    failure: str | None = None
    successes: int = 0
    failures: int = 0

    def note_status(self, status: int) -> None:
        """Note the head of an answer; one that refuses a request as wrong is an answer, too."""
        if status in _FAILURES or status >= 500:
            self.note_failure(str(status))
            return
        self.answered_at = clock.seconds()
        self.successes += 1

    def note_failure(self, kind: str) -> None:
        """Note that a request failed, which may be tried again."""
        self.failed_at, self.failure = clock.seconds(), kind
        self.failures += 1
