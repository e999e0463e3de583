"""Sessions are billed per thread and hour."""

from assistd.metering.meter import HOUR, billed
from assistd.objects.session import Session


def session(thread: str, opened_at: int) -> Session:
    return Session(id=f"s{opened_at}", project_id="p", thread_id=thread, opened_at=opened_at)


def test_trap_45_a_session_opened_anew_within_the_hour_is_free() -> None:
    assert billed([session("a", 0), session("a", HOUR - 1)]) == [session("a", 0)]


def test_the_next_hour_is_billed_again() -> None:
    assert len(billed([session("a", 0), session("a", 10), session("a", HOUR)])) == 2


def test_two_threads_at_once_are_two_sessions() -> None:
    assert len(billed([session("a", 0), session("b", 1)])) == 2
