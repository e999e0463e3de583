"""How many requests a project makes per minute: this process's portions of what the database counts."""

import asyncio
import math
import time
from dataclasses import dataclass

from assistd.db.cluster import rates
from assistd.db.database import Database
from assistd.errors import RateLimitError
from assistd.objects.project import Project
from assistd.periodic import Duty

_MINUTE = 60.0
_IDLE_SECONDS = 1.0
_PAUSE_SECONDS = 0.2


@dataclass(slots=True)
class _Share:
    """What this process has of a project's requests.

    Args:
        used_at: when a request was counted last. All times are of the monotonic clock.
        tokens: requests that it may let in without asking the database.
        left: tokens that nobody had when it last asked.
        asked_at: when that was.
        empty_until: when it makes sense to ask again, after there were none.
        waiting: requests that wait for the answer of the database.
        asking: the question under way.
    """

    used_at: float
    tokens: int = 0
    left: float = 0.0
    asked_at: float = 0.0
    empty_until: float = 0.0
    waiting: int = 0
    asking: "asyncio.Task[None] | None" = None

    def sum_left(self, now: float, limit: int) -> float:
        """Return the requests that are left of a limit, as far as this process knows."""
        return rates.refill(self.tokens + self.left, now - self.asked_at, limit)


class Rates:
    """Counts the requests of projects that have a limit, together with the other processes.

    A process takes portions of a project's requests, and lets requests in without the database while
    it has some. What lies unused for a second goes back.

    Args:
        database: where the processes share what is left.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._shares: dict[str, _Share] = {}

    async def take(self, project: Project, headers: dict[str, str]) -> None:
        """Count one request, and tell of it in the response's headers; nothing where there is no limit.

        Raises:
            RateLimitError: the minute's requests are used up.
        """
        limit = project.limits.requests
        if limit is None:
            return
        now = time.monotonic()
        share = self._shares.get(project.id)
        if share is None:
            share = self._shares[project.id] = _Share(now)
        share.used_at = now
        if share.tokens < 1:
            await self._refill(share, project.id, limit)
            now = time.monotonic()
        refused = share.tokens < 1
        if not refused:
            share.tokens -= 1
        left, refill = share.sum_left(now, limit), limit / _MINUTE
        headers["x-ratelimit-limit-requests"] = str(limit)
        headers["x-ratelimit-remaining-requests"] = "0" if refused else str(int(left))
        headers["x-ratelimit-reset-requests"] = _span((limit - left) / refill)
        if refused:
            raise RateLimitError(max(1, math.ceil((1 - left) / refill)), "requests")

    async def _refill(self, share: _Share, project_id: str, limit: int) -> None:
        """Wait until the share has a token, unless the database has none either."""
        share.waiting += 1
        try:
            while share.tokens < 1 and time.monotonic() >= share.empty_until:
                if share.asking is None:
                    share.asking = asyncio.create_task(self._ask(share, project_id, limit))
                await asyncio.shield(share.asking)  # a client that goes away leaves it to others
        finally:
            share.waiting -= 1

    async def _ask(self, share: _Share, project_id: str, limit: int) -> None:
        """Take a portion for all who wait, and after a pause what the pause brought."""
        refill = limit / _MINUTE
        wanted = max(share.waiting, math.ceil(refill * _PAUSE_SECONDS) if share.empty_until else 0)
        try:
            portion = await self._database.run(rates.take, project_id, limit, wanted)
        finally:
            share.asking = None
        now = share.asked_at = time.monotonic()
        share.tokens += portion.tokens
        share.left = portion.left
        is_empty = portion.left < 1
        pause = max(_PAUSE_SECONDS, (1 - portion.left) / refill)
        share.empty_until = now + pause if is_empty else 0.0

    def duty(self) -> Duty:
        """Return what gives back the portions that nobody uses."""
        return Duty("unused requests", self.give_back_idle, _IDLE_SECONDS)

    async def give_back_idle(self) -> None:
        """Give back what lies unused for a second."""
        await self._give_back(time.monotonic() - _IDLE_SECONDS)

    async def close(self) -> None:
        """Give back everything."""
        await self._give_back(math.inf)

    async def _give_back(self, used_before: float) -> None:
        """Forget the shares that were used before then, and put their tokens back."""
        for project_id, share in list(self._shares.items()):
            if share.used_at <= used_before and not share.waiting and not share.asking:
                del self._shares[project_id]
                if share.tokens:
                    await self._database.run(rates.give_back, project_id, share.tokens)


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
