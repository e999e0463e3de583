"""Reports what is billed: code interpreter sessions, by buckets of time and by owner."""

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from assistd.db.sessions import Count

Width = Literal["1m", "1h", "1d"]
SECONDS: dict[Width, int] = {"1m": 60, "1h": 3600, "1d": 86_400}
"""The width of a bucket in seconds; buckets are cut at whole multiples of it, days at UTC midnight."""

Owner = Literal["project_id", "api_key_id"]


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket of time, and what was billed in it.

    Args:
        start: Unix seconds, inclusive.
        end: Unix seconds, exclusive.
        sessions: owner -> billed sessions; an owner has one value per field that was grouped by.
    """

    start: int
    end: int
    sessions: dict[tuple[str | None, ...], int]


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
    edges: Sequence[int], width: int, counts: Iterable[Count], group_by: Sequence[Owner]
) -> list[Bucket]:
    """Return the buckets between the edges, each with the counts that fall into it; some have none."""
    sums: dict[int, Counter[tuple[str | None, ...]]] = {}
    for count in counts:
        owner = tuple(getattr(count, field) for field in group_by)
        sums.setdefault(count.slot, Counter())[owner] += count.sessions
    return [
        Bucket(start, end, dict(sums.get(start // width, {})))
        for start, end in itertools.pairwise(edges)
    ]
