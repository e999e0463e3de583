"""The code interpreter: runs one call in the run's workspace, and says what came of it."""

from assistd.engine.tools import code_words
from assistd.engine.tools.code_outcome import CodeOutcome, CodeResult
from assistd.engine.workspace.storage import StoredPicture
from assistd.engine.workspace.workspace import Ran, Workspace
from assistd.models.conversation import HostedSpec
from assistd.objects.run_step import CodeOutput, ImageOutput, LogsOutput, OutputImage
from assistd.sandbox.base import Logs


class CodeInterpreter:
    """The `HostedTool` that runs code.

    Args:
        workspace: where it runs.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    @property
    def name(self) -> str:
        """Its name, as in the API's tools."""
        return code_words.NAME

    def describe(self, *, has_files: bool) -> HostedSpec:
        """Return how models are told of it; see `HostedTool.describe`."""
        return code_words.CODE_WITH_FILES if has_files else code_words.CODE

    def instruct(self) -> str:
        """Return what the system message says of it, with the packages that the operator added."""
        return code_words.instruct(self._workspace.added)

    def reject(self, reason: str) -> CodeOutcome:
        """Return the outcome of a call that could not be read, and so is not run."""
        return CodeOutcome.reject(reason)

    async def run(self, arguments: str) -> CodeOutcome:
        """Run one cell and keep its pictures and files.

        Args:
            arguments: the code.

        Raises:
            BusyError: every session is in use, and stayed so.
            SandboxError: no session can be had; a fault of ours, not of the code.
        """
        ran = await self._workspace.run(arguments)
        outputs = tuple(_show(ran))
        pictures = tuple(one.file_id for one in ran.outputs if isinstance(one, StoredPicture))
        result = CodeResult(
            call_id="",
            logs="".join(each.logs for each in outputs if isinstance(each, LogsOutput)),
            files=tuple(sorted(ran.files)),
            pictures=len(pictures),
            notes=ran.notes,
            failed=ran.execution.status != "ok",
        )
        return CodeOutcome(
            outputs,
            result,
            pictures,
            tuple(ran.files.values()),
            repaired=ran.execution.repaired,
            removed=ran.removed,
        )


def _show(ran: Ran) -> list[CodeOutput]:
    """Return outputs as the API shows them; what limits did stands in the logs, as in a notebook."""
    outputs: list[CodeOutput] = []
    for output in (*ran.outputs, *(Logs(f"\n[{note}]") for note in ran.execution.notes)):
        if isinstance(output, Logs):
            _append_logs(outputs, output.text)
        else:
            outputs.append(ImageOutput(image=OutputImage(file_id=output.file_id)))
    return outputs


def _append_logs(outputs: list[CodeOutput], text: str) -> None:
    """Add text to the last output where that is logs too: one entry between two pictures."""
    if outputs and isinstance(last := outputs[-1], LogsOutput):
        outputs[-1] = LogsOutput(logs=last.logs + text)
    elif text.strip():
        outputs.append(LogsOutput(logs=text.removeprefix("\n")))
