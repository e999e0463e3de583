"""Projects take turns at being indexed, and within a project its stores."""

from assistd.db.search.jobs import Queue
from assistd.engine.vector_stores.turns import Capacity, Turns

A1, A2 = Queue("a", "a1", "in_progress"), Queue("a", "a2", "in_progress")
B, C = Queue("b", "b1", "in_progress"), Queue("c", "c1", "in_progress")
AGAIN = Queue("d", "d1", "completed")


def take(turns: Turns, count: int, *queues: Queue) -> list[str]:
    """The stores that are served, where each job ends at once."""
    served: list[str] = []
    for _ in range(count):
        queue = turns.choose(queues, [])
        assert queue
        turns.note(queue)
        served.append(queue.store_id)
    return served


def test_projects_take_turns_and_in_a_project_its_stores() -> None:
    turns = Turns(Capacity(1, 1, 1))
    assert take(turns, 8, A1, A2, B, C) == ["a1", "b1", "c1", "a2", "b1", "c1", "a1", "b1"]


def test_who_comes_later_is_served_next() -> None:
    turns = Turns(Capacity(1, 1, 1))
    take(turns, 5, A1, A2)
    assert take(turns, 2, A1, A2, B)[0] == "b1"


def test_a_project_and_a_store_have_only_so_many_jobs_at_once() -> None:
    turns = Turns(Capacity(total=4, of_project=3, of_store=2))
    assert turns.choose([A1], [A1, A1]) is None
    assert turns.choose([A1, A2], [A1, A1]) == A2
    assert turns.choose([A1, A2, B], [A1, A1, A2]) == B
    assert turns.choose([A1, A2, B], [A1, A1, A2, B]) is None


def test_files_that_are_indexed_anew_wait_for_all_others() -> None:
    turns = Turns(Capacity(1, 1, 1))
    assert take(turns, 3, AGAIN, A1) == ["a1"] * 3
    assert turns.choose([AGAIN], []) == AGAIN


def test_turns_of_who_has_no_jobs_are_forgotten() -> None:
    turns = Turns(Capacity(1, 1, 1))
    take(turns, 3, A1, B, C)
    turns.forget_all_but([B])
    assert take(turns, 2, A1, B) == ["a1", "b1"]
