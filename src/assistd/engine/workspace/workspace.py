"""Workspaces: each a /mnt/data with the session that serves it, keyed by what they belong to."""

from collections.abc import Iterable, Mapping, Sequence, Set
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field, replace

import structlog

from assistd import clock, telemetry
from assistd.engine.workspace.contents import Contents, InputFile, Scope
from assistd.engine.workspace.storage import Harvest, Storage, explain
from assistd.errors import NotFoundError, RequestError
from assistd.objects.file import File
from assistd.quoting import quote
from assistd.sandbox.base import (
    Execution,
    HostLostError,
    Logs,
    Session,
    Sessions,
    UnsafeFileError,
)

log = structlog.get_logger()

_RESTARTED = (
    "This is a new session: variables and imports of earlier calls are gone, "
    "the files in /mnt/data were restored"
)
_FILES_LOST = "The files that this call wrote are lost: the host of the session cannot be reached"


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """A picture that was shown, kept as a file."""

    file_id: str


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


@dataclass(slots=True)
class _Served:
    """The session that serves a workspace.

    Args:
        session: the session.
        names: of the files that were put there, by id. The session itself knows as much
            (`Session.aliases`): it is asked where it is met for the first time.
        since: when it was met (Unix seconds).
        calls: how many cells it has been given since.
        running: how many of them run, or wait for their turn.
    """

    session: Session
    names: dict[str, str]
    since: float = field(default_factory=clock.now)
    calls: int = 0
    running: int = 0


def _log_end(key: str, served: _Served) -> None:
    """Write the line of the log about a session that ended; in a context of its own, for it binds ids."""
    telemetry.bind_anew(thread_id=key, session_id=served.session.id)
    seconds = round(clock.now() - served.since, 3)
    log.info("session ended", seconds=seconds, calls=served.calls)


class Workspaces:
    """The workspaces of this server; one has at most one live session.

    Args:
        sessions: where sessions come from.
        storage: keeps what lasts.
    """

    def __init__(self, sessions: Sessions, storage: Storage) -> None:
        self.sessions = sessions
        self._storage = storage
        self._served: dict[str, _Served] = {}

    def get(self, scope: Scope) -> "Workspace":
        """Return a workspace; opens no session."""
        return Workspace(self.sessions, self._storage, self._served, scope)

    async def close(self, key: str) -> None:
        """End the session of a workspace, if it has one; its files stay."""
        await self.sessions.drop(key)

    async def remove_files(self, key: str, paths: Iterable[str], file_id: str) -> None:
        """Take a file out of the /mnt/data of the session that serves a workspace here, if one does.

        Args:
            key: of the workspace.
            paths: where code wrote it.
            file_id: its id; where it is an input, it goes from where that was put, too.
        """
        served = self._served.get(key)
        if served is None or not served.session.alive:
            return
        given = served.names.pop(file_id, None)
        for path in (*paths, *([given] if given else [])):
            with suppress(UnsafeFileError, HostLostError):
                await served.session.remove(path)

    def idle_keys(self) -> list[str]:
        """Return the keys of the workspaces that have a session of this server, and run no cell."""
        return [key for key, served in self._served.items() if not served.running]

    async def note_end(self, key: str, session: Session) -> None:
        """Record that a session is over: what `Sessions.on_closed` is to call."""
        served = self._served.get(key)
        if served and served.session.id == session.id:
            del self._served[key]
            copy_context().run(_log_end, key, served)
        await self._storage.record_session_end(session.id)


class Workspace:
    """One workspace, used on somebody's behalf; made by `Workspaces.get`.

    Args:
        sessions: where its session comes from.
        storage: keeps what lasts.
        served: the sessions that serve workspaces, by key; shared with the other users of them.
        scope: which workspace.
    """

    def __init__(
        self, sessions: Sessions, storage: Storage, served: dict[str, _Served], scope: Scope
    ) -> None:
        self._sessions = sessions
        self._storage = storage
        self._served = served
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

        Raises:
            BusyError: every session is in use, and stayed so.
            SandboxError: no session can be had, or it was lost before the cell ran; a fault of ours,
                not of the code. Or the workspace was deleted.
        """
        if self.scope.life is None:
            return await self._run(code)
        if await self._storage.begin(self.scope):
            await self._sessions.drop(self.scope.key)
        try:
            return await self._run(code)
        finally:
            await self._storage.end(self.scope)

    async def _run(self, code: str) -> Ran:
        tenant = await self._storage.read_tenant(self.scope)
        session = await self._sessions.open(self.scope.key, tenant)
        telemetry.bind(session_id=session.id)
        async with session.reserving():  # files may be long in coming
            served, notes = await self._prepare(session)
            served.calls += 1
            served.running += 1
            try:
                execution = await session.execute(code)
                outputs, lost = await self._keep_outputs(execution)
                harvest = await self._harvest(session)
                if harvest.removed:
                    await self._forget(served, set(harvest.removed))
            finally:
                served.running -= 1
        removed = self._take(harvest)
        notes += (*lost, *harvest.notes)
        return Ran(execution, outputs, tuple(notes), harvest.files, removed)

    async def _harvest(self, session: Session) -> Harvest:
        """Keep what a cell wrote; of a session that was lost with its host, say that nothing is kept."""
        try:
            return await self._storage.harvest(self.scope, session)
        except HostLostError:
            return Harvest({}, (), (_FILES_LOST,))

    async def _prepare(self, session: Session) -> tuple[_Served, list[str]]:
        """Have the files stand in a session that should; return sentences for the model with it.

        A session that was opened by another server, and has run code, tells itself what it was given.
        """
        served = self._served.get(self.scope.key)
        if served is not None and served.session.id == session.id:
            served.session = session
            return served, await self._update(served)
        names = {} if session.is_fresh else dict(await session.aliases())
        served = self._served[self.scope.key] = _Served(session, names)
        return served, await (self._introduce if session.is_fresh else self._update)(served)

    async def _introduce(self, served: _Served) -> list[str]:
        """Bill a new session, and give it its files: inputs first, then what code wrote.

        A session whose introduction was broken off is closed: the next call begins anew.
        """
        try:
            had_one = await self._storage.record_session(self.scope, served.session.id)
            inputs, written = await self._storage.read_all_files(self.scope)
            notes = await self._put(served, inputs, written)
            for path, file in written.items():
                await self._restore(served.session, path, file)
        except BaseException:
            await self._sessions.drop(self.scope.key)
            raise
        return [_RESTARTED, *notes] if had_one else notes

    async def _restore(self, session: Session, path: str, file: File) -> None:
        try:
            await session.put(path, await self._storage.open(file))
        except (NotFoundError, UnsafeFileError, OSError) as error:
            log.warning("file not restored", file_id=file.id, error=type(error).__name__)

    async def _update(self, served: _Served) -> list[str]:
        """Put the files that came since the last call under their names and their ids."""
        inputs = await self._storage.read_inputs(self.scope, served.names)
        return await self._put(served, inputs, {})

    async def _put(
        self, served: _Served, inputs: Sequence[InputFile], written: dict[str, File]
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
                served.names[each.file.id] = each.name
        return notes

    async def _keep_outputs(
        self, execution: Execution
    ) -> tuple[tuple[Logs | StoredPicture, ...], list[str]]:
        """Keep the pictures of a cell; return its outputs, and which of them are missing, and why."""
        outputs: list[Logs | StoredPicture] = []
        lost: list[str] = []
        for output in execution.outputs:
            if isinstance(output, Logs):
                outputs.append(output)
                continue
            try:
                file_id = await self._storage.keep_picture(self.scope, output.data)
            except (RequestError, OSError) as error:
                lost.append(f"A picture could not be kept: {explain(error)}")
            else:
                outputs.append(StoredPicture(file_id))
        return tuple(outputs), lost

    async def _forget(self, served: _Served, removed: Set[str]) -> None:
        """Remember that files are gone, whoever put them there."""
        given = [file_id for file_id, name in served.names.items() if name in removed]
        await self._storage.forget(self.scope, removed, given)
        for file_id in given:
            del served.names[file_id]

    def _take(self, harvest: Harvest) -> tuple[str, ...]:
        """Know what a call changed; return the ids of the files that it removed."""
        written = dict(self.contents.written)
        removed = [written.pop(path) for path in harvest.removed if path in written]
        self.contents = replace(self.contents, written=written | harvest.files)
        return tuple(removed)
