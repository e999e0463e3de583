"""The code interpreter: runs one call in the thread's session and keeps what came of it."""

from collections.abc import Sequence

import structlog

from assistd import clock
from assistd.db import Connection, conversations, nouns, sessions
from assistd.db.transaction import transaction
from assistd.engine.data_files import InputFile, input_files
from assistd.engine.services import Services
from assistd.engine.tools.code_outcome import CodeOutcome
from assistd.engine.tools.harvest import Harvest
from assistd.errors import NotFoundError
from assistd.models.base import CodeResult
from assistd.objects.file import File
from assistd.objects.run import Run
from assistd.objects.run_step import CodeOutput, ImageOutput, LogsOutput, OutputImage
from assistd.objects.session import Session as SessionRow
from assistd.quoting import quote
from assistd.sandbox.base import Execution, Logs, Session, UnsafeFileError

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
        self._harvest = Harvest(services, project_id, run.thread_id)

    async def execute(self, code: str) -> CodeOutcome:
        """Run one cell and keep its pictures and files.

        Raises:
            SandboxError: no session can be had; a fault of ours, not of the code.
        """
        services = self._services
        tenant = await services.tenants.get(
            services.database, self._project_id, services.policy.project_limits
        )
        claim = await services.sessions.claim(self._run.thread_id, tenant)
        session, notes = claim.session, list[str]()
        with session.in_use():  # files may be long in coming
            notes += await (self._introduce if claim.fresh else self._attach)(session)
            execution = await session.execute(code)
            outputs, pictures = await self._keep_outputs(execution, notes)
            kept = await self._harvest.keep_files(session, notes)
        logs = "".join(each.logs for each in outputs if isinstance(each, LogsOutput))
        result = CodeResult(
            call_id="",
            logs=logs,
            files=tuple(sorted(kept.files)),
            pictures=len(pictures),
            notes=tuple(notes),
            failed=execution.status != "ok",
        )
        return CodeOutcome(
            outputs,
            result,
            pictures,
            kept.files,
            repaired=execution.repaired,
            removed=kept.removed,
        )

    async def _introduce(self, session: Session) -> list[str]:
        """Meter a new session, and give it the thread's files: uploads first, then what code wrote.

        A session whose introduction was broken off is dropped: the next claim begins anew.
        """
        try:
            had_one = await self._meter(session)
            inputs, written = await self._services.database.run(_files_of, self._run)
            notes = await self._put(session, inputs, written)
            for path, file in written.items():
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
        return await self._services.database.run(sessions.opened, row, self._run.id)

    async def _restore(self, session: Session, path: str, file: File) -> None:
        try:
            await session.put(path, await self._services.files.source(file))
        except (NotFoundError, UnsafeFileError, OSError) as error:
            log.warning("file not restored", file_id=file.id, error=type(error).__name__)

    async def _attach(self, session: Session) -> list[str]:
        """Put the files that came since the last call under their names and their ids."""
        inputs = await self._services.database.run(input_files, self._run, session.attached)
        return await self._put(session, inputs, {})

    async def _put(
        self, session: Session, inputs: Sequence[InputFile], written: dict[str, File]
    ) -> list[str]:
        """Put files that the session does not have yet under their names and their ids.

        Args:
            session: where they go.
            inputs: the files.
            written: what code wrote, by path. Where that has the name of a file, it takes the place
                of the file, and is taken out of `written`.
        """
        notes: list[str] = []
        given = session.attached
        for each in inputs:
            if each.file.id in given:
                continue
            file = written.pop(each.name, each.file)
            try:
                source = await self._services.files.source(file)
                await session.put(each.name, source, alias=each.file.id)
            except (NotFoundError, UnsafeFileError, OSError) as error:
                name = quote(each.name)
                notes.append(f"The file {name} could not be put into /mnt/data: {error}")
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
            file = await self._harvest.keep_picture(output.data, notes)
            if file:
                pictures.append(file.id)
                outputs.append(ImageOutput(image=OutputImage(file_id=file.id)))
        return tuple(outputs), tuple(pictures)


def _append_logs(outputs: list[CodeOutput], text: str) -> None:
    """Add text to the last output where that is logs too: one entry between two pictures."""
    if outputs and isinstance(last := outputs[-1], LogsOutput):
        outputs[-1] = LogsOutput(logs=last.logs + text)
    elif text.strip():
        outputs.append(LogsOutput(logs=text.removeprefix("\n")))


@transaction(short=True)
def _files_of(connection: Connection, run: Run) -> tuple[list[InputFile], dict[str, File]]:
    """The files that a new session is given: the run's and its thread's, and what code wrote."""
    return input_files(connection, run, {}), _written(connection, run.thread_id)


def _written(connection: Connection, thread_id: str) -> dict[str, File]:
    """What code wrote in a thread, by path, in the order of writing; deleted files are left out."""
    found = {
        path: nouns.files.find(connection, file_id)
        for path, file_id in conversations.written(connection, thread_id).items()
    }
    return {path: file for path, file in found.items() if file}
