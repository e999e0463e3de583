"""Fixtures every test may use, and what stands behind the servers under test."""

import signal

import pytest
from hypothesis import HealthCheck, settings

from tests.live.backends import Backend

pytest_plugins = ["tests.live.fixtures"]
# A busy machine is no reason to fail.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "long", settings.get_profile("patient"), max_examples=100, print_blob=True
)
settings.load_profile("patient")


_SQLITE: Backend = "sqlite+folder"
_POSTGRES: Backend = "postgres+s3"


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio, the only loop the server uses."""
    return "asyncio"


def pytest_configure() -> None:
    """End at SIGTERM as at Ctrl-C: what the tests started is stopped."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--backends",
        choices=["marked", _SQLITE, _POSTGRES, "both"],
        default="marked",
        help="what is behind live servers; `marked`: both where a test is marked every_backend, "
        f"else {_SQLITE}",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "backend" not in metafunc.fixturenames:
        return
    chosen: str = metafunc.config.getoption("--backends")
    marks = {mark.name for mark in metafunc.definition.iter_markers()}
    both = chosen == "both" or (chosen == "marked" and "every_backend" in marks)
    wanted = [_SQLITE, _POSTGRES] if both else [_SQLITE if chosen == "marked" else chosen]
    if "local_state" in marks:
        wanted = [each for each in wanted if each == _SQLITE]
    if wanted != [_SQLITE]:
        metafunc.parametrize("backend", wanted, indirect=True)
