"""Requests per minute, as a bucket of tokens that fills while time goes by."""

from collections.abc import Callable

import pytest

from assistd.api import rates
from assistd.api.rates import Rates, poll_after
from assistd.errors import RateLimitError
from assistd.objects.project import Project, ProjectLimits

Wait = Callable[[float], None]


def project(requests: int | None, name: str = "proj_1") -> Project:
    return Project(id=name, name="p", created_at=1, limits=ProjectLimits(requests=requests))


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Wait:
    """Let so many seconds go by."""
    now = [1000.0]
    monkeypatch.setattr(rates.time, "monotonic", lambda: now[0])

    def wait(seconds: float) -> None:
        now[0] += seconds

    return wait


def test_a_project_without_a_limit_is_told_of_none() -> None:
    headers: dict[str, str] = {}
    Rates().take(project(None), headers)
    assert headers == {}


def test_a_minute_of_requests_may_come_at_once_and_no_more(wait: Wait) -> None:
    counted, headers = Rates(), dict[str, str]()
    for left in (2, 1, 0):
        counted.take(project(3), headers)
        assert headers["x-ratelimit-remaining-requests"] == str(left)
    with pytest.raises(RateLimitError) as refused:
        counted.take(project(3), headers)
    assert refused.value.retry_after == 20
    assert headers["x-ratelimit-limit-requests"] == "3"
    assert headers["x-ratelimit-remaining-requests"] == "0"
    assert headers["x-ratelimit-reset-requests"] == "1m0s"


def test_who_waits_as_told_is_let_in(wait: Wait) -> None:
    counted = Rates()
    for _ in range(3):
        counted.take(project(3), {})
    wait(20)
    counted.take(project(3), {})
    with pytest.raises(RateLimitError):
        counted.take(project(3), {})


def test_who_rests_for_long_has_no_more_than_a_minute_saved(wait: Wait) -> None:
    counted, headers = Rates(), dict[str, str]()
    counted.take(project(3), {})
    wait(3600)
    counted.take(project(3), headers)
    assert headers["x-ratelimit-remaining-requests"] == "2"


def test_projects_do_not_use_up_each_others_requests(wait: Wait) -> None:
    counted = Rates()
    counted.take(project(1), {})
    counted.take(project(1, "proj_2"), {})


@pytest.mark.parametrize(
    ("limit", "left", "span"), [(60_000, 1, "1ms"), (60, 1, "1s"), (9, 1, "6.67s"), (1, 1, "1m0s")]
)
def test_the_time_until_all_is_there_again_is_written_as_openai_does(
    wait: Wait, limit: int, left: int, span: str
) -> None:
    headers: dict[str, str] = {}
    Rates().take(project(limit), headers)
    assert headers["x-ratelimit-reset-requests"] == span


@pytest.mark.parametrize(("limit", "pause"), [(None, 50), (12, 10_000), (100_000, 50), (7, 17143)])
def test_a_poller_is_left_half_of_the_requests(limit: int | None, pause: int) -> None:
    assert poll_after(project(limit), 50) == pause
