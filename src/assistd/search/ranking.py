"""What a window is worth that was found by its meaning, by keywords, or by both."""

from collections.abc import Callable, Mapping

_BY_KEYWORDS = 0.3  # of what meaning leaves open


def fuse(
    cosines: Mapping[int, float],
    matches: Mapping[int, float],
    score: Callable[[float], float],
    text_share: float | None = None,
) -> dict[int, float]:
    """Return a score from 0 to 1 for each window: its nearness in meaning, and keywords for a part of the rest.

    The scores do not depend on what else was found: so they can be compared between queries, a threshold has
    a meaning, and nothing is near only because the others are farther off (decision 0072).

    Args:
        cosines: of the windows that have a vector.
        matches: of the windows that have a keyword: their part of what a good match has, 0 to 1.
        score: what a cosine says, 0 to 1.
        text_share: how much keywords count, from 0 to 1, if not for a part of the rest: then a score is the
            weighted mean of both.
    """
    near = {window: score(cosine) for window, cosine in cosines.items()}
    scores: dict[int, float] = {}
    for window in {*cosines, *matches}:
        meaning, words = near.get(window, 0.0), matches.get(window, 0.0)
        if text_share is None:
            scores[window] = meaning + _BY_KEYWORDS * (1 - meaning) * words
        else:
            scores[window] = (1 - text_share) * meaning + text_share * words
    return scores
