"""Runs as somebody left them in the database, for a runner to find."""

import asyncio

from assistd import clock
from assistd.db import runs as stored_runs
from assistd.db.leases import Lease
from assistd.engine.assistants import runs, threads
from assistd.engine.assistants.messages import NewMessage
from assistd.engine.assistants.runs import RunKey
from assistd.engine.assistants.threads import NewThread
from assistd.engine.services import Services
from assistd.objects.message import TextContent, TextValue
from assistd.objects.project import Caller, Project
from assistd.objects.run import TERMINAL, Run, RunStatus
from assistd.objects.thread import Thread

PROJECT = "proj_1"
CALLER = Caller(key_id="key_1", project=Project(id=PROJECT, name="p", created_at=1))
KEY = RunKey(PROJECT, "thread_1", "run_1")
DEAD = Lease("another", -1.0)
ALIVE = Lease("another", 1e9)


async def left(services: Services, *states: RunStatus, lease: Lease, life: int = 600) -> None:
    """A run of whoever has the lease, brought through these states."""
    write, now = services.database.run, clock.seconds()
    thread = Thread(id=KEY.thread_id, created_at=now)
    asked = NewMessage("user", (TextContent(text=TextValue(value="Hello")),))
    await write(threads.create, PROJECT, NewThread(thread, [asked]), services.policy)
    run = Run(
        id=KEY.run_id,
        created_at=now,
        assistant_id="asst_1",
        thread_id=thread.id,
        expires_at=now + life,
        model="direct",
    )
    await write(runs.create, CALLER, run, [], lease=lease, policy=services.policy)
    for state in states:
        await write(stored_runs.move, run.id, state)


async def now_of(services: Services) -> Run:
    return await services.database.run(runs.get, KEY)


async def ended(services: Services) -> Run:
    """The run once it has ended."""
    async with asyncio.timeout(20):
        while (run := await now_of(services)).status not in TERMINAL:
            await asyncio.sleep(0.01)
    return run
