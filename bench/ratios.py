"""Whether one figure is worse than another: the ratios of pairs, and the interval of their median."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["no worse", "worse", "better", "no ratio"]

CONFIDENCE = 0.95
TOLERANCE = 1.05
"""A figure is worse when all of the interval lies above this, and better when all of it lies below its inverse."""

FEWEST_PAIRS = 7


@dataclass(frozen=True, slots=True)
class Comparison:
    """One figure, measured on two trees in pairs.

    Args:
        name: what was measured.
        unit: of the values, as in `Figure`.
        theirs: the other tree's value of each pair.
        ours: this tree's, in the same order.
    """

    name: str
    unit: str
    theirs: tuple[float, ...]
    ours: tuple[float, ...]

    @property
    def ratios(self) -> tuple[float, ...]:
        """Ours by theirs of each pair, turned so that more than 1 is worse; none where a value is not above 0."""
        if min(self.ours + self.theirs) <= 0:  # a difference of two times may be
            return ()
        pairs = zip(self.ours, self.theirs, strict=True)
        if self.unit.startswith("per "):
            return tuple(theirs / ours for ours, theirs in pairs)
        return tuple(ours / theirs for ours, theirs in pairs)

    @property
    def verdict(self) -> Verdict:
        """What the interval of the median ratio says."""
        if not self.ratios:
            return "no ratio"
        low, high = median_interval(self.ratios)
        if low > TOLERANCE:
            return "worse"
        return "better" if high < 1 / TOLERANCE else "no worse"

    def as_json(self) -> dict[str, object]:
        """Return the comparison as plain values."""
        ratios = self.ratios
        return {
            "name": self.name,
            "unit": self.unit,
            "theirs": self.theirs,
            "ours": self.ours,
            "ratio": round(statistics.median(ratios), 3) if ratios else None,
            "interval": [round(end, 3) for end in median_interval(ratios)] if ratios else None,
            "verdict": self.verdict,
        }


def median_interval(samples: Sequence[float]) -> tuple[float, float]:
    """Return two of the samples between which their population's median lies, with 95 % confidence at least.

    By the order statistics: whatever the distribution, each sample lies below the median with
    probability 1/2, so the count of those that do is binomial. Of seven it is the first and the last
    (98.4 %), of nine the second and the last but one (96.1 %).

    Raises:
        ValueError: there are fewer than six; no two of them would do.
    """
    ordered = sorted(samples)
    count = len(ordered)
    outside = 0.0  # the probability of either side
    rank = 0
    while outside + math.comb(count, rank) / 2**count <= (1 - CONFIDENCE) / 2:
        outside += math.comb(count, rank) / 2**count
        rank += 1
    if rank == 0:
        raise ValueError(f"{count} samples are too few for an interval of 95 %")
    return ordered[rank - 1], ordered[count - rank]
