"""Fixtures every test may use, and what stands behind the servers under test."""

import signal
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings

from assistd import clock
from tests.live.backends import Backend

# A busy machine is no reason to fail.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "long", settings.get_profile("patient"), max_examples=100, print_blob=True
)
settings.register_profile("quick", settings.get_profile("patient"), max_examples=20)
settings.load_profile("patient")


# Who runs these alone need not wait two seconds for the imports of clients.
_WITHOUT_SERVERS = ("tests/unit", "tests/sandbox", "tests/security")
_SQLITE: Backend = "sqlite+folder"
_POSTGRES: Backend = "postgres+s3"


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio, the only loop the server uses."""
    return "asyncio"


@pytest.fixture
def advance(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Move the clock forward by so many seconds, until the test is over."""
    monkeypatch.setattr(clock, "_offset", clock._offset)
    return clock.advance


@pytest.fixture
def long(request: pytest.FixtureRequest) -> bool:
    """Whether a test may take its time: `--long`."""
    return request.config.getoption("--long")


def pytest_configure(config: pytest.Config) -> None:
    """Load the fixtures of live servers, and see that an interrupted run stops what it started."""
    if not all(each.startswith(_WITHOUT_SERVERS) for each in config.args):
        config.pluginmanager.import_plugin("tests.live.fixtures")
        config.pluginmanager.import_plugin("tests.cluster.figures")
    _end_at_signals()


def _end_at_signals() -> None:
    """End at SIGTERM as at Ctrl-C, and at both also in the background.

    A shell starts what is in the background with SIGINT ignored. Then a worker whose controller is
    gone would go on for as long as its test does, or be killed in the end, with no time to stop anything.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--long",
        action="store_true",
        help="also tests that are marked `long`, and those in full that are shortened otherwise",
    )
    parser.addoption(
        "--backends",
        choices=["marked", _SQLITE, _POSTGRES, "both"],
        default="marked",
        help="what is behind live servers; `marked`: both where a test is marked every_backend, "
        f"else {_SQLITE}",
    )
    parser.addoption(
        "--workers",
        type=int,
        help="how many API processes each live server has; by default one process for all, and 2 workers "
        "too where a test is marked every_size",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked `long`, unless the option asks for it."""
    if config.getoption("--long"):
        return
    left_out = [item for item in items if item.get_closest_marker("long")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "backend" not in metafunc.fixturenames:
        return
    is_marked = metafunc.definition.get_closest_marker("every_size") is not None
    if is_marked and not metafunc.config.getoption("--workers"):
        metafunc.parametrize("workers", [None, 2], indirect=True, ids=["one process", "2 workers"])
    chosen: str = metafunc.config.getoption("--backends")
    marks = {mark.name for mark in metafunc.definition.iter_markers()}
    both = chosen == "both" or (chosen == "marked" and "every_backend" in marks)
    wanted = [_SQLITE, _POSTGRES] if both else [_SQLITE if chosen == "marked" else chosen]
    if "local_state" in marks:
        wanted = [each for each in wanted if each == _SQLITE]
    if wanted != [_SQLITE]:
        metafunc.parametrize("backend", wanted, indirect=True)
