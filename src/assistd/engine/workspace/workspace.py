"""Workspaces: each a /mnt/data with the session that serves it, keyed by what they belong to."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence, Set
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from functools import partial
from weakref import WeakValueDictionary

import structlog

from assistd import clock, metrics, telemetry
from assistd.engine.timeline import spanning
from assistd.engine.workspace.contents import Contents, InputFile, Scope
from assistd.engine.workspace.served import Served
from assistd.engine.workspace.snapshots import Snapshots
from assistd.engine.workspace.storage import Harvest, Storage, StoredPicture, keep_outputs
from assistd.errors import NotFoundError
from assistd.objects.file import File
from assistd.quoting import quote
from assistd.sandbox.base import (
    Execution,
    HostLostError,
    Logs,
    SandboxError,
    Session,
    Sessions,
    Tenant,
    UnsafeFileError,
)
from assistd.tracing import names, spans

log = structlog.get_logger()

_RESTARTED = (
    "This is a new session: variables and imports of earlier calls are gone, "
    "the files in /mnt/data were restored"
)
_FILES_LOST = "The files that this call wrote are lost: the host of the session cannot be reached"

_ATTEMPTS = 3  # to have a session that lives until its cell runs


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of one cell.

    Args:
        execution: its outcome in the session.
        outputs: logs and pictures in the order they appeared, as far as they could be kept.
        notes: sentences for the model about the session and its files.
        files: the files that were written: path -> file id.
        removed: ids of files that code wrote before, and that are gone.
    """

    execution: Execution
    outputs: tuple[Logs | StoredPicture, ...]
    notes: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict[str, str])
    removed: tuple[str, ...] = ()


def _log_end(key: str, served: Served, jail: str | None) -> None:
    """Write the line of the log about a session that ended; in a context of its own, for it binds ids."""
    ids = {"thread_id": key, "session_id": served.session.id, "project_id": served.project_id}
    telemetry.bind_anew(**ids)
    duration_ms = round((clock.now() - served.since) * 1000)
    log.info("session ended", duration_ms=duration_ms, calls=served.calls, jail=jail)


class Workspaces:
    """The workspaces of this server; one has at most one live session.

    Args:
        sessions: where sessions come from.
        storage: keeps what lasts.
        snapshots: keeps variables; None where they end with their session.
    """

    def __init__(
        self, sessions: Sessions, storage: Storage, snapshots: Snapshots | None = None
    ) -> None:
        self.sessions = sessions
        self.snapshots = snapshots
        self._storage = storage
        self._served: dict[str, Served] = {}
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def get(self, scope: Scope) -> "Workspace":
        """Return a workspace; opens no session."""
        turn = self._turns.setdefault(scope.key, asyncio.Lock())
        return Workspace(self, self._storage, self._served, turn, scope)

    async def close(self, key: str) -> None:
        """End the session of a workspace, if it has one, and forget its variables; its files stay."""
        await self.sessions.drop(key)
        if self.snapshots:
            await self.snapshots.delete(key)

    async def retire(self, key: str) -> None:
        """End the session of a workspace, once no cell runs there; its files and its variables stay."""
        async with self._turns.setdefault(key, asyncio.Lock()):
            await self.sessions.retire(key)

    async def close_if(self, key: str, is_over: Callable[[], Awaitable[bool]]) -> None:
        """End the session of a workspace where no cell runs and `is_over` says so; none begins meanwhile."""
        turn = self._turns.setdefault(key, asyncio.Lock())
        if not turn.locked():
            async with turn:
                if await is_over():
                    await self.sessions.retire(key)

    def list_keys(self) -> dict[str, bool]:
        """Return the keys of the workspaces that a session of this server serves: whether a cell runs there."""
        turns = {key: self._turns.get(key) for key in self._served}
        return {key: turn is not None and turn.locked() for key, turn in turns.items()}

    @property
    def session_ids(self) -> dict[str, str]:
        """The ids of the sessions that serve workspaces here, by key."""
        return {key: served.session.id for key, served in self._served.items()}

    async def note_ending(self, key: str, session: Session) -> None:
        """Keep the variables of a session that is about to end: what `Sessions.on_ending` is to call."""
        served = self._served.get(key)
        if self.snapshots and served and served.session.id == session.id:
            await self.snapshots.save(key, served.project_id, session)

    async def note_end(self, key: str, session: Session) -> None:
        """Record that a session is over: what `Sessions.on_closed` is to call."""
        served = self._served.get(key)
        if served and served.session.id == session.id:
            del self._served[key]
            copy_context().run(_log_end, key, served, self.sessions.jail)
        await self._storage.record_session_end(session.id)


class Workspace:
    """One workspace, used on somebody's behalf; made by `Workspaces.get`.

    Args:
        all_: of this server.
        storage: keeps what lasts.
        served: the sessions that serve workspaces, by key; shared with the other users of them.
        turn: held by the one cell that runs in this workspace.
        scope: which workspace.
    """

    def __init__(
        self,
        all_: Workspaces,
        storage: Storage,
        served: dict[str, Served],
        turn: asyncio.Lock,
        scope: Scope,
    ) -> None:
        self._sessions = all_.sessions
        self._snapshots = all_.snapshots
        self._storage = storage
        self._served = served
        self._turn = turn
        self.scope = scope
        self.contents = Contents()
        """What stands there as of the last look of the user, and what `run` changed since."""

    @property
    def added(self) -> tuple[str, ...]:
        """The packages that new sessions import beside the built-in ones."""
        return self._sessions.added

    @property
    def names(self) -> Mapping[str, str]:
        """The names that the live session gave to files, by file id."""
        served = self._served.get(self.scope.key)
        return dict(served.names) if served and served.session.alive else {}

    async def run(self, code: str) -> Ran:
        """Run one cell in the session, opened where there is none, and keep its pictures and files.

        Cells of one workspace run one after the other, each with what comes before and after it: so
        each has the files that it wrote itself, and none runs in a session that another one replaces.

        Raises:
            BusyError: every session is in use, and stayed so.
            SandboxError: no session can be had, or it was lost before the cell ran; a fault of ours,
                not of the code. Or the workspace was deleted.
        """
        async with self._turn:
            if self.scope.life is None:
                return await self._run(code)
            if await self._storage.begin(self.scope):
                await self._sessions.retire(self.scope.key)
            try:
                return await self._run(code)
            finally:
                await self._storage.end(self.scope)

    async def _run(self, code: str) -> Ran:
        async with self._serving() as (served, told):
            served.calls += 1
            began = time.perf_counter()
            execution = await self._execute(served.session, code)
            seconds = time.perf_counter() - began
            with spanning("harvest"):
                outputs, lost = await keep_outputs(
                    execution, partial(self._storage.keep_picture, self.scope)
                )
                harvest = await self._harvest(served.session)
                served.keep(harvest.files)
                if harvest.removed:
                    await self._forget(served, set(harvest.removed))
                with suppress(HostLostError):  # then the next call gets another session
                    await served.note()
            await self._keep_variables(served.session, seconds)
        notes = (*told, *lost, *harvest.notes)
        removed = self._take(harvest)
        return Ran(execution, outputs, notes, harvest.files, removed)

    async def _keep_variables(self, session: Session, seconds: float) -> None:
        """Keep variables after a call that took long, where that is wanted: they may be lost with the session."""
        snapshots = self._snapshots
        if snapshots and snapshots.are_due(seconds) and session.alive:
            try:
                await snapshots.save(self.scope.key, self.scope.project_id, session)
            except SandboxError as error:  # those from before stay
                log.warning("variables not kept after a call", error=str(error))

    @asynccontextmanager
    async def _serving(self) -> AsyncGenerator[tuple[Served, list[str]]]:
        """Reserve the session, with its files; one that is lost before its cell runs is replaced.

        Yields:
            The session, and sentences for the model about it.
        """
        served = self._served.get(self.scope.key)
        tier = served.tier if served else await self._storage.read_tier(self.scope)
        tenant = await self._storage.read_tenant(self.scope, tier)
        for attempts_left in reversed(range(_ATTEMPTS)):
            async with AsyncExitStack() as reservation:
                try:
                    served = await self._reserve(tenant, tier, reservation)
                except HostLostError:
                    if not attempts_left:
                        raise
                    continue
                yield served
                return

    async def _reserve(
        self, tenant: Tenant, tier: int | None, reservation: AsyncExitStack
    ) -> tuple[Served, list[str]]:
        with spanning("session_claim"):
            session = await self._sessions.open(self.scope.key, tenant)
        telemetry.bind(session_id=session.id)
        if span := spans.find_current():
            span.set({names.SESSION_ID: session.id, names.JAIL: self._sessions.jail or "none"})
        await reservation.enter_async_context(session.reserving())  # files may be long in coming
        if not session.alive:
            raise HostLostError("the session ended while another call was waited for")
        with spanning("put"):
            served, notes = await self._prepare(session, tier)
            await served.note()
        return served, notes

    async def _execute(self, session: Session, code: str) -> Execution:
        with spanning("exec") as measured:
            execution = await session.execute(code)
            measured.note_outcome(execution.status)
        if execution.status != "ok" and (span := spans.find_current()):
            span.fail(execution.status)
        return execution

    async def _harvest(self, session: Session) -> Harvest:
        """Keep what a cell wrote; of a session that was lost with its host, say that nothing is kept."""
        began, outcome = time.perf_counter(), "failed"
        try:
            harvest = await self._storage.harvest(self.scope, session)
            metrics.FILES_HARVESTED.add(by=len(harvest.files))
            outcome = "ok"
            return harvest  # noqa: TRY300  what is counted stands behind it
        except HostLostError:
            return Harvest({}, (), (_FILES_LOST,))
        finally:
            metrics.SESSION_HARVEST_SECONDS.observe(time.perf_counter() - began, outcome)

    async def _prepare(self, session: Session, tier: int | None) -> tuple[Served, list[str]]:
        """Have the files stand in a session that should; return sentences for the model with it."""
        served = self._served.get(self.scope.key)
        if served is None or served.session.id != session.id:
            served = self._served[self.scope.key] = Served(session, self.scope.project_id, tier)
        served.recall(session)
        is_known = bool(session.remembered)
        return served, await (self._update if is_known else self._introduce)(served)

    async def _introduce(self, served: Served) -> list[str]:
        """Bill a new session, and give it its files: inputs first, then what code wrote.

        A session whose introduction was broken off is closed: the next call begins anew.
        """
        try:
            opening = await self._storage.record_session(self.scope, served.session.id, served.tier)
            metrics.SESSIONS_BILLED.add(by=opening.is_billed)
            metrics.SESSIONS_RESTORED.add(by=not opening.is_first)
            inputs, written = await self._storage.read_all_files(self.scope)
            served.keep({path: file.id for path, file in written.items()})
            notes = await self._put(served, inputs, written)
            for path, file in written.items():
                await self._restore(served.session, path, file)
            told = None if opening.is_first else await self._restore_variables(served.session)
        except BaseException:
            await self._sessions.drop(self.scope.key)
            raise
        return [told, *notes] if told else notes

    async def _restore_variables(self, session: Session) -> str:
        """Give a new session the variables of the one before; return what the model is told."""
        told = None
        if self._snapshots:
            told = await self._snapshots.restore(self.scope.key, self.scope.project_id, session)
        return told or _RESTARTED

    async def _restore(self, session: Session, path: str, file: File) -> None:
        try:
            await session.put(path, await self._storage.open(file))
        except (NotFoundError, UnsafeFileError, OSError) as error:
            log.warning("file not restored", file_id=file.id, error=type(error).__name__)

    async def _update(self, served: Served) -> list[str]:
        """Put the files that came since the last call under their names and their ids."""
        if self.scope.life is None:
            inputs = await self._storage.read_inputs(self.scope, served.names)
        else:
            contents = await self._storage.read_contents(self.scope, served.names)
            await self._remove_deleted(served, contents)
            inputs = contents.inputs
        return await self._put(served, inputs, {})

    async def _remove_deleted(self, served: Served, contents: Contents) -> None:
        """Take out of the session what clients deleted since the last call, at whichever server."""
        given = {each.file.id: each.name for each in contents.inputs}
        gone = set(served.names.values()) - set(given.values())
        gone -= contents.written.keys()  # which took the place of a file that was given
        gone |= {path for path, id_ in served.written.items() if contents.written.get(path) != id_}
        for path in gone:
            with suppress(UnsafeFileError):
                await served.session.remove(path)
        left = {
            id_: name for id_, name in given.items() if id_ in served.names and name not in gone
        }
        served.reset(left, contents.written)

    async def _put(
        self, served: Served, inputs: Sequence[InputFile], written: dict[str, File]
    ) -> list[str]:
        """Put inputs that the session does not have yet under their names and their ids.

        Args:
            served: where they go.
            inputs: the files.
            written: what code wrote, by path. Where that has the name of a file, it takes the place
                of the file, and is taken out of `written`.

        Returns:
            Sentences for the model: what could not be put there.
        """
        notes: list[str] = []
        for each in inputs:
            if each.file.id in served.names:
                continue
            file = written.pop(each.name, each.file)
            try:
                source = await self._storage.open(file)
                session, aliases = served.session, (each.file.id, *each.aliases)
                await session.put(each.name, source, aliases=aliases)
            except (NotFoundError, UnsafeFileError, OSError) as error:
                name = quote(each.name)
                notes.append(f"The file {name} could not be put into /mnt/data: {error}")
            else:
                served.give(each.file.id, each.name)
        return notes

    async def _forget(self, served: Served, removed: Set[str]) -> None:
        """Remember that files are gone, whoever put them there."""
        await self._storage.forget(self.scope, removed, served.forget(removed))

    def _take(self, harvest: Harvest) -> tuple[str, ...]:
        """Know what a call changed; return the ids of the files that it removed."""
        written = dict(self.contents.written)
        removed = [written.pop(path) for path in harvest.removed if path in written]
        self.contents = replace(self.contents, written=written | harvest.files)
        return tuple(removed)
