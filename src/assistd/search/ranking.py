"""Rankings by meaning and by keywords made one, and windows folded into the chunks that show them."""

from collections.abc import Callable, Mapping

_BY_MEANING = 0.6
_BY_KEYWORDS = 0.4
"""Weights of the two rankings. Fusing ranks in place of values made English worse than meaning alone."""


def fuse(
    cosines: Mapping[int, float], matches: Mapping[int, float], score: Callable[[float], float]
) -> dict[int, float]:
    """Return a score from 0 to 1 for each window that was found by its meaning or by keywords.

    Args:
        cosines: of the windows that have a vector.
        matches: of the windows that have a keyword: their share of what a perfect one has, 0 to 1.
        score: what a cosine says, 0 to 1.
    """
    return {
        window: _BY_MEANING * score(cosines.get(window, -1.0))
        + _BY_KEYWORDS * matches.get(window, 0.0)
        for window in {*cosines, *matches}
    }
