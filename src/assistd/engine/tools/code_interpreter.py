"""The code interpreter: runs one call in the thread's session and keeps what came of it."""

from collections.abc import AsyncIterator

import structlog

from assistd import clock
from assistd.db import Connection, conversations, nouns, projects, sessions
from assistd.engine.data_files import input_files
from assistd.engine.services import Services
from assistd.engine.step_writer import CodeOutcome
from assistd.errors import NotFoundError, StorageFullError, StorageQuotaError, TooLargeError
from assistd.models.base import CodeResult
from assistd.objects.file import File
from assistd.objects.run import Run
from assistd.objects.run_step import CodeOutput, ImageOutput, LogsOutput, OutputImage
from assistd.objects.session import Session as SessionRow
from assistd.sandbox.base import (
    MIB,
    DataFile,
    Execution,
    Logs,
    Session,
    Tenant,
    UnsafeFileError,
)

log = structlog.get_logger()

_RESTARTED = (
    "This is a new session: variables and imports of earlier calls are gone, "
    "the files in /mnt/data were restored"
)


class CodeInterpreter:
    """Runs the code of one run.

    Args:
        services: the rooms.
        run: the run whose code it is.
        project_id: who owns the run, its files and its session.
    """

    def __init__(self, services: Services, run: Run, project_id: str) -> None:
        self._services = services
        self._run = run
        self._project_id = project_id

    async def execute(self, code: str) -> CodeOutcome:
        """Run one cell and keep its pictures and files.

        Raises:
            SandboxError: no session can be had; a fault of ours, not of the code.
        """
        claim = await self._services.sessions.claim(self._run.thread_id, await self._tenant())
        session, notes = claim.session, list[str]()
        if claim.fresh:
            notes += await self._introduce(session)
        else:
            notes += await self._attach(session)
        execution = await session.execute(code)
        outputs, pictures = await self._keep_outputs(execution, notes)
        files = await self._keep_files(session, notes)
        logs = "".join(each.logs for each in outputs if isinstance(each, LogsOutput))
        result = CodeResult(
            call_id="",
            logs=logs,
            files=tuple(sorted(files)),
            pictures=len(pictures),
            notes=tuple(notes),
            failed=execution.status != "ok",
        )
        return CodeOutcome(outputs, result, pictures, files)

    async def _tenant(self) -> Tenant:
        """The project, with what its sessions may have."""
        limits = await self._services.database.read(
            projects.limits_of, self._project_id, self._services.policy.project_limits
        )
        memory = limits.memory_gib and limits.memory_gib * 1024 * MIB
        return Tenant(self._project_id, max_sessions=limits.sessions, memory_bytes=memory)

    async def _introduce(self, session: Session) -> list[str]:
        """Meter a new session, and give it the thread's files: uploads first, then what code wrote.

        A session whose introduction was broken off is dropped: the next claim begins anew.
        """
        try:
            had_one = await self._meter(session)
            notes = await self._attach(session)
            for path, file in await self._services.database.read(_written, self._run.thread_id):
                await self._restore(session, path, file)
        except BaseException:
            await self._services.sessions.drop(self._run.thread_id)
            raise
        return [_RESTARTED, *notes] if had_one else notes

    async def _meter(self, session: Session) -> bool:
        """Record a new session; whether its thread had one before."""
        row = SessionRow(
            id=session.id,
            project_id=self._project_id,
            thread_id=self._run.thread_id,
            opened_at=clock.seconds(),
        )
        return await self._services.database.write(sessions.opened, row, self._run.id)

    async def _restore(self, session: Session, path: str, file: File) -> None:
        try:
            await session.put(path, self._services.files.source(file))
        except (NotFoundError, UnsafeFileError, OSError) as error:
            log.warning("file not restored", file_id=file.id, error=type(error).__name__)

    async def _attach(self, session: Session) -> list[str]:
        """Put the files that came since the last call under their names and their ids."""
        notes: list[str] = []
        given = session.attached
        for each in await self._services.database.read(input_files, self._run, given):
            if each.file.id in given:
                continue
            try:
                await session.put(
                    each.name, self._services.files.source(each.file), alias=each.file.id
                )
            except (NotFoundError, UnsafeFileError, OSError) as error:
                notes.append(f"The file {each.name} could not be put into /mnt/data: {error}")
            else:
                given[each.file.id] = each.name
        return notes

    async def _keep_outputs(
        self, execution: Execution, notes: list[str]
    ) -> tuple[tuple[CodeOutput, ...], tuple[str, ...]]:
        """The outputs as the API shows them; what limits did stands in the logs, as in a notebook."""
        outputs: list[CodeOutput] = []
        pictures: list[str] = []
        said = [Logs(f"\n[{note}]") for note in execution.notes]
        for output in (*execution.outputs, *said):
            if isinstance(output, Logs):
                _append_logs(outputs, output.text)
                continue
            file = await self._keep(_once(output.data), None, notes)
            if file:
                pictures.append(file.id)
                outputs.append(ImageOutput(image=OutputImage(file_id=file.id)))
        return tuple(outputs), tuple(pictures)

    async def _keep_files(self, session: Session, notes: list[str]) -> dict[str, str]:
        """Keep what the call wrote: path below /mnt/data -> file id."""
        changed = await session.changed()
        limit = self._services.policy.output_files
        if len(changed) > limit:
            notes.append(f"{len(changed)} files were written; only the first {limit} were kept")
        kept: dict[str, str] = {}
        for each in changed[:limit]:
            file = await self._keep(session.read(each.path), each, notes)
            if file:
                kept[each.path] = file.id
        await self._services.database.write(_remember, self._run.thread_id, kept)
        return kept

    async def _keep(
        self, chunks: AsyncIterator[bytes], data_file: DataFile | None, notes: list[str]
    ) -> File | None:
        """Store one picture or file; what cannot be kept is said to the model, never an error."""
        name = f"/mnt/data/{data_file.path}" if data_file else None
        try:
            blob = await self._services.files.put(chunks, self._services.policy.output_file_bytes)
            return await self._services.files.add(
                blob,
                project_id=self._project_id,
                filename=name or f"{blob.id}.png",
                purpose="assistants_output",
            )
        except (StorageFullError, StorageQuotaError, TooLargeError) as error:
            notes.append(f"{name or 'A picture'} could not be kept: {error.message}")
        except (UnsafeFileError, OSError) as error:
            notes.append(f"{name or 'A picture'} could not be read: {error}")
        return None


def _append_logs(outputs: list[CodeOutput], text: str) -> None:
    """Add text to the last output where that is logs too: one entry between two pictures."""
    if outputs and isinstance(last := outputs[-1], LogsOutput):
        outputs[-1] = LogsOutput(logs=last.logs + text)
    elif text.strip():
        outputs.append(LogsOutput(logs=text.removeprefix("\n")))


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


def _written(connection: Connection, thread_id: str) -> list[tuple[str, File]]:
    found = [
        (path, nouns.files.find(connection, file_id))
        for path, file_id in conversations.written(connection, thread_id).items()
    ]
    return [(path, file) for path, file in found if file]


def _remember(connection: Connection, thread_id: str, files: dict[str, str]) -> None:
    for path, file_id in files.items():
        conversations.remember_written(connection, thread_id, path, file_id)
