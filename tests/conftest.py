"""Fixtures every test may use."""

import pytest

pytest_plugins = ["tests.live.fixtures"]


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio, the only loop the server uses."""
    return "asyncio"
