"""The face of the code interpreter: its code is shown while it comes, logs and pictures at its end."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydantic import JsonValue, TypeAdapter

from assistd.engine.annotations.citations import Source
from assistd.engine.assistants.faces.base import UNANSWERED, EndedCall, Retelling, ToolContext
from assistd.engine.context import model_logs
from assistd.engine.tools import code_words
from assistd.engine.tools.base import ToolOutcome
from assistd.engine.tools.code_interpreter import CodeInterpreter
from assistd.engine.tools.code_outcome import CodeOutcome, CodeResult
from assistd.models.conversation import HostedCall, HostedResult
from assistd.objects.run import Run
from assistd.objects.run_step import CodeExecution, CodeToolCall, ImageOutput

_RESULT = TypeAdapter(CodeResult)


class CodeFace:
    """The `ToolFace` of the code interpreter."""

    type = code_words.NAME

    async def make(self, context: ToolContext) -> CodeInterpreter:
        """Return the code interpreter of a run; see `ToolFace.make`."""
        return CodeInterpreter(context.workspace)

    def show(self, call_id: str, arguments: str, run: Run) -> CodeToolCall:
        """Return a call that has not run yet; see `CallFace.show`."""
        del run  # the tool has no settings
        return CodeToolCall(id=call_id, code_interpreter=CodeExecution(input=arguments))

    def show_more(self, arguments: str) -> dict[str, Any]:
        """Return what a delta says of more code; see `CallFace.show_more`."""
        return {"input": arguments}

    def end(self, call_id: str, arguments: str, outcome: ToolOutcome, run: Run) -> EndedCall:
        """Return a call with its outputs: one delta has them all, and none comes where there are none.

        The step shows the code that ran, from then on also where deltas had it with a slip.
        """
        del run
        assert isinstance(outcome, CodeOutcome)
        code = arguments if outcome.repaired is None else outcome.repaired
        outputs = [{"index": n, **each.model_dump()} for n, each in enumerate(outcome.outputs)]
        return EndedCall(
            CodeToolCall(
                id=call_id, code_interpreter=CodeExecution(input=code, outputs=outcome.outputs)
            ),
            {"outputs": outputs} if outputs else None,
            _RESULT.dump_python(outcome.result, mode="json"),
            pictures=outcome.pictures,
            files=outcome.files,
            removed=outcome.removed,
        )

    def interrupt(self, call: CodeToolCall, reason: str, run: Run) -> EndedCall:
        """Return a call with the reason as its logs; see `ToolFace.interrupt`."""
        code = call.code_interpreter.input
        return self.end(call.id, code, CodeOutcome.interrupt(reason), run)

    def retell(
        self, call: CodeToolCall, result: JsonValue, how: Retelling
    ) -> tuple[HostedCall, HostedResult]:
        """Return the code, and its logs shortened as a terminal would show them; see `ToolFace.retell`."""
        execution = call.code_interpreter
        known = (
            CodeResult(call_id="", logs=UNANSWERED)
            if result is None
            else _RESULT.validate_python(result)
        )
        shown = replace(
            known,
            logs=model_logs.shorten(known.logs, failed=known.failed, limit=how.max_characters),
            images=tuple(
                how.images[output.image.file_id]
                for output in execution.outputs
                if isinstance(output, ImageOutput) and output.image.file_id in how.images
            ),
        )
        tool = code_words.CODE
        return HostedCall(call.id, tool, execution.input), shown.tell(call.id, tool)

    def list_sources(self, call: CodeToolCall, ordinal: int) -> Sequence[Source]:
        """Return nothing: code gives no sources; see `ToolFace.list_sources`."""
        del call, ordinal
        return ()
