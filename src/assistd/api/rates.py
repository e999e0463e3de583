"""How many requests a project makes per minute to this process: a bucket of tokens for each."""

import math
import time
from dataclasses import dataclass

from assistd.errors import RateLimitError
from assistd.objects.project import Project

_MINUTE = 60.0


@dataclass(slots=True)
class _Tokens:
    """What is left of a project's minute, and when that was so."""

    left: float
    at: float


class Rates:
    """Counts the requests of projects that have a limit; every process counts its own."""

    def __init__(self) -> None:
        self._projects: dict[str, _Tokens] = {}

    def take(self, project: Project, headers: dict[str, str]) -> None:
        """Count one request, and tell of it in the response's headers; nothing where there is no limit.

        Raises:
            RateLimitError: the minute's requests are used up.
        """
        limit = project.limits.requests
        if limit is None:
            return
        now, refill = time.monotonic(), limit / _MINUTE
        tokens = self._projects.setdefault(project.id, _Tokens(limit, now))
        tokens.left = min(float(limit), tokens.left + (now - tokens.at) * refill)
        tokens.at = now
        refused = tokens.left < 1
        if not refused:
            tokens.left -= 1
        headers["x-ratelimit-limit-requests"] = str(limit)
        headers["x-ratelimit-remaining-requests"] = str(int(tokens.left))
        headers["x-ratelimit-reset-requests"] = _span((limit - tokens.left) / refill)
        if refused:
            raise RateLimitError(math.ceil((1 - tokens.left) / refill))


def poll_after(project: Project, wanted_ms: int) -> int:
    """Return the milliseconds after which a client that polls should ask again.

    Args:
        project: whose limit holds; one poller takes at most half of its requests.
        wanted_ms: the pause where the limit leaves room for it.
    """
    limit = project.limits.requests
    return wanted_ms if limit is None else max(wanted_ms, math.ceil(2 * _MINUTE * 1000 / limit))


def _span(seconds: float) -> str:
    """Return a time as the hosted service writes it, such as `850ms`, `6.2s` or `1m0s`."""
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    if seconds < _MINUTE:
        return f"{seconds:.3g}s"
    minutes, rest = divmod(math.ceil(seconds), 60)
    return f"{minutes}m{rest}s"
