"""Figures: samples of one measure, their quantiles, and the ratio to what they stand beside."""

import statistics
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table.

    Args:
        name: what was measured.
        unit: of the samples: `ms`, `MB` or `per second`.
        ours: assistd's samples.
        theirs: those of what it is compared with, taken in the same run; empty where there is nothing.
        goal: the most (for `per second`: the least) our median is to be, or None.
        ratio_goal: how many times better than theirs our median is to be, or None.
    """

    name: str
    unit: str
    ours: tuple[float, ...]
    theirs: tuple[float, ...] = ()
    goal: float | None = None
    ratio_goal: float | None = None

    @property
    def median(self) -> float:
        """The middle of our samples."""
        return statistics.median(self.ours)

    @property
    def ratio(self) -> float | None:
        """How many times smaller (for `per second`: larger) ours is."""
        if not self.theirs:
            return None
        theirs = statistics.median(self.theirs)
        return self.median / theirs if self.unit == "per second" else theirs / self.median

    @property
    def met(self) -> bool | None:
        """Whether the goals are met; None where there are none."""
        if self.goal is None and self.ratio_goal is None:
            return None
        more_is_better = self.unit == "per second"
        near = self.goal is None or (
            self.median >= self.goal if more_is_better else self.median <= self.goal
        )
        far = self.ratio_goal is None or (self.ratio or 0) >= self.ratio_goal
        return near and far

    def as_json(self) -> dict[str, object]:
        """The figure as plain values."""
        return {
            "name": self.name,
            "unit": self.unit,
            "n": len(self.ours),
            "p50": round(self.median, 3),
            "p99": round(quantile(self.ours, 0.99), 3),
            "beside_p50": round(statistics.median(self.theirs), 3) if self.theirs else None,
            "ratio": round(self.ratio, 2) if self.ratio else None,
            "goal": self.goal,
            "ratio_goal": self.ratio_goal,
            "met": self.met,
        }


def quantile(samples: tuple[float, ...], share: float) -> float:
    """The sample below which `share` of the samples lie."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
