"""Fixtures of the sandbox's tests."""

from tests.sandbox.rig import anyio_backend, pool, python, session

__all__ = ["anyio_backend", "pool", "python", "session"]
