"""Figures: samples of one measure, their quantiles, and the ratio to what they stand beside."""

import statistics
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table.

    Args:
        name: what was measured.
        unit: of the samples: `ms`, `MB`, `per second` or `per GiB`.
        ours: assistd's samples.
        theirs: those of what it is compared with, taken in the same run; empty where there is nothing.
        goal: the most (where more is better: the least) our median is to be, or None.
        ratio_goal: how many times better than theirs our median is to be, or None.
        goal_is_p99: whether the goal is for the 99th percentile instead.
        paired: whether each sample of theirs was taken just before ours of the same place: then the
            ratio is the median of the pairs', and a machine that changes its speed changes less.
    """

    name: str
    unit: str
    ours: tuple[float, ...]
    theirs: tuple[float, ...] = ()
    goal: float | None = None
    ratio_goal: float | None = None
    goal_is_p99: bool = False
    paired: bool = False

    @property
    def more_is_better(self) -> bool:
        """Whether it is a rate."""
        return self.unit.startswith("per ")

    @property
    def median(self) -> float:
        """The middle of our samples."""
        return statistics.median(self.ours)

    @property
    def ratio(self) -> float | None:
        """How many times smaller (where more is better: larger) ours is."""
        if not self.theirs:
            return None
        if self.paired:
            pairs = zip(self.ours, self.theirs, strict=True)
            ratio = statistics.median(theirs / ours for ours, theirs in pairs)
            return 1 / ratio if self.more_is_better else ratio
        theirs = statistics.median(self.theirs)
        return self.median / theirs if self.more_is_better else theirs / self.median

    @property
    def met(self) -> bool | None:
        """Whether the goals are met; None where there are none."""
        if self.goal is None and self.ratio_goal is None:
            return None
        reached = quantile(self.ours, 0.99) if self.goal_is_p99 else self.median
        near = self.goal is None or (
            reached >= self.goal if self.more_is_better else reached <= self.goal
        )
        far = self.ratio_goal is None or (self.ratio or 0) >= self.ratio_goal
        return near and far

    def as_json(self) -> dict[str, object]:
        """The figure as plain values."""
        return {
            "name": self.name,
            "unit": self.unit,
            "n": len(self.ours),
            "p50": round(self.median, 6),
            "p99": round(quantile(self.ours, 0.99), 3),
            "beside_p50": round(statistics.median(self.theirs), 3) if self.theirs else None,
            "ratio": round(self.ratio, 2) if self.ratio else None,
            "goal": self.goal,
            "goal_is_p99": self.goal_is_p99,
            "ratio_goal": self.ratio_goal,
            "met": self.met,
        }


def quantile(samples: tuple[float, ...], share: float) -> float:
    """The sample below which `share` of the samples lie."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
