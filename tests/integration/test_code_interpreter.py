"""The code interpreter has its session to itself from the claim on, until the last file is read."""

# pyright: reportPrivateUsage=false

from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import cast

import pytest

from assistd.db import Connection, conversations, nouns, projects
from assistd.db.collection import Page
from assistd.engine.assistants.journal import scope_of
from assistd.engine.services import Services
from assistd.engine.tools.code_interpreter import CodeInterpreter
from assistd.engine.workspace.contents import Scope
from assistd.engine.workspace.storage import Storage
from assistd.engine.workspace.workspace import Workspaces
from assistd.sandbox.base import BusyError, Changes, DataFile, Session
from assistd.sandbox.pool.pool import PoolSettings, SessionPool
from tests.integration.left_runs import DEAD, KEY, left, now_of
from tests.sandbox.rig import LIMITS, python

__all__ = ["python"]


@pytest.fixture
async def pool(python: Path) -> AsyncGenerator[SessionPool]:
    """A pool of one session."""
    made = SessionPool(
        python, PoolSettings(limits=LIMITS, max_sessions=1, warm=0, queue_seconds=0.2)
    )
    await made.start()
    yield made
    await made.close()


async def test_nobody_takes_the_place_of_a_session_whose_files_are_long_in_coming(
    services: Services,
    pool: SessionPool,
    monkeypatch: pytest.MonkeyPatch,
    advance: Callable[[float], None],
) -> None:
    await left(services, lease=DEAD)
    project = await services.database.run(projects.default)
    storage = Storage(services.database, services.files, services.policy)
    scope = scope_of(await now_of(services), project.id)
    workspace = Workspaces(pool, storage).get(scope)
    refused: list[str] = []

    async def put(*_: object) -> list[str]:
        advance(60)
        try:
            await pool.open("another")
        except BusyError as error:
            refused.append(str(error))
        return []

    monkeypatch.setattr(workspace, "_put", put)
    for code in ("x = 6", "x * 7"):
        outcome = await CodeInterpreter(workspace).run(code)
    assert outcome.result.logs == "42"
    assert len(refused) == 2
    assert not (await pool.open(KEY.thread_id)).is_fresh


class Written:
    """What a harvest asks of a session whose code wrote one file."""

    limits = LIMITS

    async def changes(self) -> Changes:
        return Changes((DataFile("a.txt", 3),))

    async def read_small(self, files: Sequence[DataFile], most: int) -> dict[str, bytes]:
        del most
        return {each.path: b"abc" for each in files}


async def test_a_file_is_remembered_with_its_path_or_not_made_at_all(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = await services.database.run(projects.default)
    storage = Storage(services.database, services.files, services.policy)
    scope = Scope("thread_1", project.id)

    def fail(_connection: Connection, _thread_id: str, kept: dict[str, str]) -> None:
        assert list(kept) == ["a.txt"]
        raise InterruptedError

    session = cast("Session", Written())
    with monkeypatch.context() as patched:
        patched.setattr(conversations, "remember_written", fail)
        with pytest.raises(InterruptedError):
            await storage.harvest(scope, session)
    page = await services.database.run(nouns.files.page, Page(), project_id=project.id)
    assert not page.items
    kept = await storage.harvest(scope, session)
    assert await services.database.run(conversations.find_written, "thread_1") == kept.files
