"""What keeps variables costs nothing while no session ends, seen from within the server and the session."""

import tempfile
from collections.abc import AsyncGenerator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from obstore.store import LocalStore

from assistd import clock, ids
from assistd.db import nouns, projects
from assistd.db.database import Database
from assistd.engine.policy import Policy
from assistd.engine.workspace.contents import Scope
from assistd.engine.workspace.snapshots import Snapshots
from assistd.engine.workspace.storage import Storage
from assistd.engine.workspace.workspace import Workspaces
from assistd.files.store import FileStore
from assistd.objects.thread import Thread
from assistd.sandbox.guest.shared import wire
from assistd.sandbox.pool.pool import PoolSettings, SessionPool
from tests.sandbox.rig import LIMITS, anyio_backend, python

__all__ = ["anyio_backend", "python"]

pytestmark = pytest.mark.anyio

WATCH = """
import sys
import assistd.sandbox.guest.kernel.snapshot as _kept
_seen = []
def _watch(frame, event, given):
    module = frame.f_globals.get("__name__", "")
    if module == _kept.__name__ or module.startswith("cloudpickle"):
        _seen.append(frame.f_code.co_name)
def _hear(event, given):
    if event.startswith("pickle."):
        _seen.append(event)
sys.addaudithook(_hear)
sys.setprofile(_watch)
"""
CELLS = (
    "x = [1, 2]\ndef f():\n    return x",
    "f()",
    "1 / 0",
    "import pandas as pd\ndf = pd.DataFrame({'a': x})\ndf",
)


class Parts:
    """What a server has, with one thread."""

    def __init__(self, database: Database, files: FileStore, pool: SessionPool, path: Path) -> None:
        self.database = database
        self.files = files
        self.pool = pool
        self.path = path

    async def make_scope(self) -> Scope:
        """A thread of its own."""
        project = await self.database.run(projects.create, "kept")
        thread = Thread(id=ids.new("thread"), created_at=clock.seconds())
        await self.database.run(nouns.threads.insert, thread, project_id=project.id)
        return Scope(thread.id, project.id)

    def open(self, *, keeps: bool) -> Workspaces:
        """Workspaces that keep variables, or not."""
        policy = Policy()
        snapshots = Snapshots(self.database, self.files, policy, self.path) if keeps else None
        made = Workspaces(self.pool, Storage(self.database, self.files, policy), snapshots)
        self.pool.on_ending, self.pool.on_closed = made.note_ending, made.note_end
        return made


@pytest.fixture
async def parts(python: Path, tmp_path: Path) -> AsyncGenerator[Parts]:
    database = Database(f"sqlite:///{tmp_path / 'assistd.sqlite3'}")
    database.open()
    files = FileStore(database, LocalStore(tmp_path / "blobs", mkdir=True), Policy().project_limits)
    pool = SessionPool(python, PoolSettings(limits=LIMITS, warm=0))
    await pool.start()
    yield Parts(database, files, pool, tmp_path)
    await pool.close()
    database.close()


async def test_a_call_does_the_same_whether_variables_are_kept_or_not(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def recording(name: str, function: Callable[..., Any], *given: Any, **named: Any) -> Any:
        done.append(name)
        return function(*given, **named)

    run, pack = parts.database.run, wire.pack

    def run_recorded(function: Callable[..., Any], *given: Any, **named: Any) -> Any:
        return recording(f"database {function.__qualname__}", run, function, *given, **named)

    def pack_recorded(kind: wire.Kind, *given: Any) -> bytes:
        return recording(f"frame {kind.name}", pack, kind, *given)

    monkeypatch.setattr(parts.database, "run", run_recorded)
    monkeypatch.setattr(wire, "pack", pack_recorded)
    temporary = partial(recording, "temporary file", tempfile.TemporaryFile)
    monkeypatch.setattr(tempfile, "TemporaryFile", temporary)
    traces: dict[bool, list[str]] = {}
    for keeps in (True, False):
        workspaces = parts.open(keeps=keeps)
        workspace = workspaces.get(await parts.make_scope())
        await workspace.run("None")
        done.clear()
        for cell in CELLS:
            await workspace.run(cell)
        traces[keeps] = list(done)
        await workspaces.retire(workspace.scope.key)
        assert ("frame SAVE" in done) is keeps, "the recorder sees what it is there for"
        assert ("temporary file" in done) is keeps
    assert traces[True] == traces[False]
    assert "frame EXECUTE" in traces[True]


async def test_nothing_of_it_runs_in_a_session_while_cells_do(parts: Parts) -> None:
    workspace = parts.open(keeps=True).get(await parts.make_scope())
    await workspace.run(WATCH)
    for cell in CELLS:
        await workspace.run(cell)
    ran = await workspace.run("print(_seen)")
    assert ran.execution.logs == "[]\n"
    session = await parts.pool.open(workspace.scope.key)
    with tempfile.TemporaryFile(dir=parts.path) as file:
        await session.save(file, 1 << 20, 30)
    ran = await workspace.run("print({'save', '_write', 'reducer_override'} <= set(_seen))")
    assert ran.execution.logs == "True\n", "the watch sees what it is there for"
