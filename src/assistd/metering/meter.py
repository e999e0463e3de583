"""Reports what is metered: sessions, requests and bytes, by buckets of time and by owner."""

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from assistd.db.sessions import Count
from assistd.db.usage.index_bytes import Note
from assistd.db.usage.requests import RequestCount

Width = Literal["1m", "1h", "1d"]
SECONDS: dict[Width, int] = {"1m": 60, "1h": 3600, "1d": 86_400}
"""The width of a bucket in seconds; buckets are cut at whole multiples of it, days at UTC midnight."""

Owner = Literal["project_id", "api_key_id", "subject", "memory_gib"]
Number = Literal["sessions", "requests", "tokens", "output_tokens", "cached_tokens"]
Sums = dict[tuple[str | int | None, ...], int]
"""Owner -> a number; an owner has one value per field that was grouped by."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket of time, and what was metered in it.

    Args:
        start: Unix seconds, inclusive.
        end: Unix seconds, exclusive.
        sums: whose, and how much.
    """

    start: int
    end: int
    sums: Sums


def cut_edges(start: int, end: int, width: int, limit: int) -> list[int]:
    """Cut a span of time into buckets: the first begins at `start`, the others at multiples of `width`.

    Returns:
        At most `limit` + 1 edges, the last of them `end` if that is not beyond the limit.
    """
    found = [start]
    while found[-1] < end and len(found) <= limit:
        found.append(min(end, (found[-1] // width + 1) * width))
    return found


def fill_buckets(
    edges: Sequence[int],
    width: int,
    counts: Iterable[Count | RequestCount],
    group_by: Sequence[Owner],
    number: Number = "sessions",
) -> list[Bucket]:
    """Return the buckets between the edges, each with the counts that fall into it; some have none."""
    sums: dict[int, Counter[tuple[str | int | None, ...]]] = {}
    for count in counts:
        owner = tuple(getattr(count, field) for field in group_by)
        sums.setdefault(count.slot, Counter())[owner] += getattr(count, number)
    return [
        Bucket(start, end, dict(sums.get(start // width, {})))
        for start, end in itertools.pairwise(edges)
    ]


@dataclass(frozen=True, slots=True)
class Cost:
    """How many sessions were billed, and what they cost in US dollars."""

    sessions: int = 0
    dollars: float = 0.0

    def add(self, sessions: int, price: float) -> "Cost":
        """Return the cost with so many sessions more, at a price each."""
        return Cost(self.sessions + sessions, self.dollars + sessions * price)


def fill_with_costs(
    edges: Sequence[int],
    width: int,
    counts: Iterable[Count],
    group_by: Sequence[Owner],
    prices: Mapping[int, float],
) -> list[dict[tuple[str | int | None, ...], Cost]]:
    """Return the buckets between the edges: owner -> cost; some are empty.

    Args:
        edges: of the buckets.
        width: of a bucket, in seconds.
        counts: the billed sessions.
        group_by: the fields that an owner has a value of.
        prices: of a session, in US dollars: GiB of memory -> price.
    """
    found: list[dict[tuple[str | int | None, ...], Cost]] = []
    for bucket in fill_buckets(edges, width, counts, (*group_by, "memory_gib")):
        costs: dict[tuple[str | int | None, ...], Cost] = {}
        for (*owner, memory_gib), number in bucket.sums.items():
            key = tuple(owner)
            costs[key] = costs.get(key, Cost()).add(number, prices[int(memory_gib or 1)])
        found.append(costs)
    return found


def fill_with_bytes(
    edges: Sequence[int], notes: Iterable[Note], *, by_project: bool
) -> list[Bucket]:
    """Return the buckets between the edges, each with the bytes that were taken at its end.

    Args:
        edges: of the buckets.
        notes: what was taken, oldest first.
        by_project: whether each project has its own number.
    """
    left = list(notes)[::-1]
    taken: dict[str, int] = {}
    found: list[Bucket] = []
    for start, end in itertools.pairwise(edges):
        while left and left[-1].at < end:
            note = left.pop()
            taken[note.project_id] = note.bytes
        sums: Counter[tuple[str | int | None, ...]] = Counter()
        for project_id, size in taken.items():
            sums[(project_id,) if by_project else ()] += size
        found.append(Bucket(start, end, {owner: size for owner, size in sums.items() if size}))
    return found
