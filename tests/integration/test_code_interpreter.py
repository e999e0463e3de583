"""The code interpreter has its session to itself from the claim on, until the last file is read."""

# pyright: reportPrivateUsage=false

import dataclasses
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from assistd import clock
from assistd.db import projects
from assistd.engine.services import Services
from assistd.engine.tools.code_interpreter import CodeInterpreter
from assistd.objects.file import File
from assistd.sandbox.base import BusyError, Session
from assistd.sandbox.pool import SessionPool
from tests.integration.test_runner import DEAD, KEY, left, now_of, services
from tests.sandbox.rig import LIMITS, python

__all__ = ["python", "services"]


@pytest.fixture
async def pool(python: Path) -> AsyncGenerator[SessionPool]:
    """A pool of one session."""
    made = SessionPool(python, limits=LIMITS, max_sessions=1, parked=0, queue_seconds=0.2)
    await made.start()
    yield made
    await made.close()


async def test_nobody_takes_the_place_of_a_session_whose_files_are_long_in_coming(
    services: Services, pool: SessionPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = dataclasses.replace(services, sessions=pool)
    await left(services, lease=DEAD)
    project = await services.database.write(projects.default)
    interpreter = CodeInterpreter(services, await now_of(services), project.id)
    refused: list[str] = []

    async def attach(_: Session, __: dict[str, File] | None = None) -> list[str]:
        clock.advance(60)
        try:
            await pool.claim("another")
        except BusyError as error:
            refused.append(str(error))
        finally:
            clock.advance(-60)
        return []

    monkeypatch.setattr(interpreter, "_attach", attach)
    for code in ("x = 6", "x * 7"):
        outcome = await interpreter.execute(code)
    assert outcome.result.logs == "42"
    assert len(refused) == 2
    assert pool.find(KEY.thread_id) is not None
