"""Fixtures of the sandbox's tests."""

from collections.abc import AsyncGenerator

import pytest

from tests.sandbox.rig import anyio_backend, jail, lacks, pool, python, session

__all__ = ["anyio_backend", "jail", "lacks", "pool", "python", "session"]


@pytest.fixture(scope="session", autouse=True)
async def _one_loop() -> AsyncGenerator[None]:
    """Keep one event loop for all tests: gRPC may still tell a loop of calls that are over."""
    yield  # noqa: PT022  what yields keeps the loop
