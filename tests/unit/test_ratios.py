"""When a figure of this tree is worse than another commit's: known samples, known answers."""

import random
import statistics

import pytest
from bench.against import paired
from bench.ratios import Comparison, median_interval


def comparison(*ratios: float, unit: str = "ms") -> Comparison:
    """A figure of which the other tree always has 10, and ours so many times that."""
    return Comparison("a", unit, (10.0,) * len(ratios), tuple(10 * ratio for ratio in ratios))


def test_of_seven_samples_the_interval_reaches_from_the_first_to_the_last() -> None:
    assert median_interval([5, 1, 7, 3, 2, 6, 4]) == (1, 7)


@pytest.mark.parametrize(
    ("count", "ranks"), [(6, (1, 6)), (9, (2, 8)), (15, (4, 12)), (25, (8, 18))]
)
def test_with_more_samples_it_narrows_as_the_tables_of_the_sign_test_say(
    count: int, ranks: tuple[int, int]
) -> None:
    assert median_interval(range(1, count + 1)) == ranks


def test_five_samples_make_no_interval() -> None:
    with pytest.raises(ValueError, match="5 samples are too few"):
        median_interval([1, 2, 3, 4, 5])


@pytest.mark.parametrize("count", [7, 9, 20])
def test_the_interval_holds_the_true_median_at_least_nineteen_times_of_twenty(count: int) -> None:
    dice = random.Random(20)
    tries = 4000
    held = 0
    for _ in range(tries):  # of a distribution that is anything but normal
        low, high = median_interval([dice.lognormvariate(0, 2) for _ in range(count)])
        held += low <= 1 <= high
    assert held / tries > 0.945


def test_a_time_that_grew_has_a_ratio_above_one() -> None:
    assert comparison(1.2, 1.2).ratios == (1.2, 1.2)


def test_a_rate_that_grew_has_a_ratio_below_one() -> None:
    assert comparison(2, 2, unit="per second").ratios == (0.5, 0.5)
    assert comparison(2, 2, unit="per GiB").ratios == (0.5, 0.5)


def test_the_ratio_is_the_median_of_the_pairs_and_not_of_the_sides() -> None:
    theirs, ours = (1.0, 10.0, 100.0), (2.0, 20.0, 1.0)
    assert statistics.median(ours) < statistics.median(theirs)
    ratios = Comparison("a", "ms", theirs, ours).ratios
    assert statistics.median(ratios) == 2


@pytest.mark.parametrize(
    ("ratios", "verdict"),
    [
        ((1.06, 1.06, 1.06, 1.07, 1.2, 1.3, 2), "worse"),
        ((1.04, 1.06, 1.06, 1.07, 1.2, 1.3, 2), "no worse"),  # one pair below is enough
        ((1.05, 1.06, 1.06, 1.07, 1.2, 1.3, 2), "no worse"),  # not wholly above
        ((0.9, 0.95, 1, 1, 1, 1.01, 1.02), "no worse"),
        ((0.5, 0.6, 0.7, 0.8, 0.8, 0.9, 0.95), "better"),
        ((0.5, 0.6, 0.7, 0.8, 0.8, 0.9, 0.99), "no worse"),
        (
            (1.04, 1.06, 1.06, 1.06, 1.06, 1.06, 1.06, 1.06, 1.06),
            "worse",
        ),  # one of nine is left out
    ],
)
def test_a_figure_is_worse_when_its_whole_interval_is(
    ratios: tuple[float, ...], verdict: str
) -> None:
    assert comparison(*ratios).verdict == verdict


def test_a_rate_is_worse_when_it_fell() -> None:
    assert comparison(*[0.8] * 7, unit="per second").verdict == "worse"
    assert comparison(*[1.3] * 7, unit="per second").verdict == "better"


def test_differences_that_were_not_above_nothing_have_no_ratio() -> None:
    odd = Comparison("added", "ms", (1.0,) * 7, (1.0,) * 6 + (-0.1,))
    assert odd.verdict == "no ratio"
    assert odd.as_json()["interval"] is None


def test_only_figures_of_both_sides_are_paired_each_with_that_of_its_pair() -> None:
    measured = [
        ({"a": (1.0, "ms"), "old": (5.0, "ms")}, {"a": (2.0, "ms"), "new": (5.0, "ms")}),
        ({"a": (3.0, "ms"), "old": (5.0, "ms")}, {"a": (4.0, "ms"), "new": (5.0, "ms")}),
    ]
    assert paired(measured) == [Comparison("a", "ms", (1.0, 3.0), (2.0, 4.0))]
