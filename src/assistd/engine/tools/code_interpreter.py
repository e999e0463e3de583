"""The code interpreter: runs one call in the run's workspace, and says what came of it."""

from assistd.engine.tools.code_outcome import CodeOutcome
from assistd.engine.workspace.workspace import Ran, StoredPicture, Workspace
from assistd.models.base import CodeResult
from assistd.objects.run_step import CodeOutput, ImageOutput, LogsOutput, OutputImage
from assistd.sandbox.base import Logs


class CodeInterpreter:
    """Runs the code of one run.

    Args:
        workspace: where it runs.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    async def execute(self, code: str) -> CodeOutcome:
        """Run one cell and keep its pictures and files.

        Raises:
            SandboxError: no session can be had; a fault of ours, not of the code.
        """
        ran = await self._workspace.run(code)
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
