"""Billed sessions are reported by slices of time."""

from assistd.db.sessions import Count
from assistd.metering import meter

DAY = 86_400


def test_the_first_bucket_begins_at_the_start_and_the_others_at_midnight() -> None:
    assert meter.cut_edges(DAY + 5, 3 * DAY + 7, DAY, 10) == [
        DAY + 5,
        2 * DAY,
        3 * DAY,
        3 * DAY + 7,
    ]


def test_there_are_no_more_buckets_than_wanted() -> None:
    assert meter.cut_edges(0, 10 * DAY, DAY, 2) == [0, DAY, 2 * DAY]


def test_counts_fall_into_their_bucket_and_are_summed_by_what_is_grouped() -> None:
    counts = [
        Count(0, "proj_a", "key_1", 1),
        Count(0, "proj_a", "key_2", 2),
        Count(0, "proj_b", None, 4),
        Count(2, "proj_b", None, 8),
    ]
    edges = [5, DAY, 2 * DAY, 3 * DAY]

    def sums(*group_by: meter.Owner) -> list[object]:
        return [each.sums for each in meter.fill_buckets(edges, DAY, counts, group_by)]

    assert sums() == [{(): 7}, {}, {(): 8}]
    assert sums("project_id") == [{("proj_a",): 3, ("proj_b",): 4}, {}, {("proj_b",): 8}]
    assert sums("api_key_id") == [{("key_1",): 1, ("key_2",): 2, (None,): 4}, {}, {(None,): 8}]


def test_sessions_cost_what_their_tier_does() -> None:
    counts = [
        Count(0, "proj_a", "key_1", 2),
        Count(0, "proj_a", "key_1", 3, memory_gib=4),
        Count(1, "proj_b", None, 1, memory_gib=64),
    ]
    prices = {1: 0.5, 4: 1.0, 64: 8.0}
    edges = [0, DAY, 2 * DAY]

    def costs(*group_by: meter.Owner) -> list[object]:
        return list(meter.fill_with_costs(edges, DAY, counts, group_by, prices))

    assert costs() == [{(): meter.Cost(5, 4.0)}, {(): meter.Cost(1, 8.0)}]
    assert costs("project_id", "memory_gib") == [
        {("proj_a", 1): meter.Cost(2, 1.0), ("proj_a", 4): meter.Cost(3, 3.0)},
        {("proj_b", 64): meter.Cost(1, 8.0)},
    ]
