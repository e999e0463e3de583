"""Fixtures of the sandbox's tests."""

from tests.sandbox.rig import anyio_backend, jail, lacks, pool, python, session

__all__ = ["anyio_backend", "jail", "lacks", "pool", "python", "session"]
