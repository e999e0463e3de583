"""Variables over the planned end of a session: what the end costs, and the first call of the next one."""

import asyncio
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

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
from assistd.sandbox.pool.pool import PoolSettings, SessionPool
from bench.figures import Figure
from bench.options import Options, interpreter
from bench.rest import await_own_rest

_EVERYDAY = """
import pandas as pd, numpy as np, random
df = pd.DataFrame({"a": np.arange(30_000), "b": np.random.rand(30_000), "c": ["x", "y", "z"] * 10_000})
by = df.groupby("c").b.mean()
names = [f"name {n}" for n in range(1000)]
def total(column="a"):
    return df[column].sum()
"""
_LARGE = """
import pandas as pd, numpy as np
from sklearn.ensemble import RandomForestRegressor
t1 = pd.DataFrame(np.random.rand(1_000_000, 6), columns=list("abcdef"))
t2 = pd.DataFrame({"k": np.arange(1_000_000), "v": np.random.rand(1_000_000)})
t3 = pd.DataFrame({"name": [f"customer {n % 5000}" for n in range(300_000)], "n": np.arange(300_000)})
m1, m2 = np.random.rand(2_000_000), np.random.rand(1000, 2000)
model = RandomForestRegressor(20, max_depth=8).fit(t1[["a", "b"]][:5000], t1["c"][:5000])
for n in range(10):
    exec(f"def f{n}(x):\\n    return x + t1.a.sum() + {n}")
"""
_CHECKS = {"everyday": "print(total(), len(df))", "large": "print(f9(1) > 9, model.n_features_in_)"}
_CELLS = {"everyday": _EVERYDAY, "large": _LARGE}
_GOALS_MS = {"everyday": 50, "large": 600}
_NAMES = {"everyday": "1 MB", "large": "100 MB"}
_CROWD = 100
_CROWD_GOAL_MS = 10_000


def measure(options: Options) -> list[Figure]:
    """Return how long ends and restores take, and the shutdown of a server with many sessions."""
    return asyncio.run(_measure(interpreter(), options.rounds))


async def _measure(python: Path, rounds: int) -> list[Figure]:
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        async with _opening(python, Path(folder) / "one") as workspaces:
            for kind in _CELLS:
                figures += await _end_and_restore(workspaces, kind, rounds)
        figures += await _shut_down(python, Path(folder) / "many")
    return figures


@asynccontextmanager
async def _opening(python: Path, folder: Path) -> AsyncGenerator[Workspaces]:
    """Workspaces over a database, a folder and a pool, as a server has them."""
    folder.mkdir(exist_ok=True)
    database = Database(f"sqlite:///{folder / 'assistd.sqlite3'}")
    database.open()
    policy = replace(Policy(), snapshot_seconds=60.0)
    files = FileStore(database, LocalStore(folder / "blobs", mkdir=True), policy.project_limits)
    pool = SessionPool(python, PoolSettings(warm=2, max_sessions=2 * _CROWD, closing_seconds=60.0))
    snapshots = Snapshots(database, files, policy, folder)
    workspaces = Workspaces(pool, Storage(database, files, policy), snapshots)
    pool.on_ending, pool.on_closed = workspaces.note_ending, workspaces.note_end
    await pool.start()
    try:
        await await_own_rest()
        yield workspaces
    finally:
        await pool.close()
        database.close()


async def _make_scope(workspaces: Workspaces) -> Scope:
    snapshots = workspaces.snapshots
    assert snapshots
    database = snapshots._database  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    project = await database.run(projects.create, "bench")
    thread = Thread(id=ids.new("thread"), created_at=clock.seconds())
    await database.run(nouns.threads.insert, thread, project_id=project.id)
    return Scope(thread.id, project.id)


async def _end_and_restore(workspaces: Workspaces, kind: str, rounds: int) -> list[Figure]:
    scope = await _make_scope(workspaces)
    await _run(workspaces, scope, _CELLS[kind])
    expected = await _run(workspaces, scope, _CHECKS[kind])
    ends: list[float] = []
    restores: list[float] = []
    opened: list[float] = []
    for _ in range(rounds):
        began = time.perf_counter()
        await workspaces.retire(scope.key)
        ends.append(1000 * (time.perf_counter() - began))
        opened.append(await _open_new(workspaces))
        began = time.perf_counter()
        await _run(workspaces, scope, "None")
        restores.append(1000 * (time.perf_counter() - began) - opened[-1])
        assert await _run(workspaces, scope, _CHECKS[kind]) == expected
    name, goal = _NAMES[kind], _GOALS_MS[kind]
    return [
        Figure(f"end of a session with {name} of variables", "ms", tuple(ends), goal=goal),
        Figure("these variables restored, beside a new session", "ms", tuple(restores), goal=goal),
    ]


async def _open_new(workspaces: Workspaces) -> float:
    """Milliseconds of the first call in a workspace that has no variables."""
    scope = await _make_scope(workspaces)
    began = time.perf_counter()
    await _run(workspaces, scope, "None")
    took = 1000 * (time.perf_counter() - began)
    await workspaces.close(scope.key)
    return took


async def _shut_down(python: Path, folder: Path) -> list[Figure]:
    """Milliseconds of the end of a pool with many sessions; all are restored afterwards."""
    async with _opening(python, folder) as workspaces:
        scopes = [await _make_scope(workspaces) for _ in range(_CROWD)]
        expected = [
            [await _run(workspaces, scope, cell) for cell in (_EVERYDAY, _CHECKS["everyday"])][1]
            for scope in scopes
        ]
        began = time.perf_counter()
        await workspaces.sessions.close()
        took = 1000 * (time.perf_counter() - began)
    async with _opening(python, folder) as workspaces:
        found = [await _run(workspaces, scope, _CHECKS["everyday"]) for scope in scopes]
    assert found == expected, f"{sum(map(str.__ne__, found, expected))} were not restored"
    return [
        Figure(
            f"shutdown with {_CROWD} everyday sessions, all restored",
            "ms",
            (took,),
            goal=_CROWD_GOAL_MS,
        )
    ]


async def _run(workspaces: Workspaces, scope: Scope, code: str) -> str:
    done = (await workspaces.get(scope).run(code)).execution
    assert done.status == "ok", done.logs
    return done.logs
