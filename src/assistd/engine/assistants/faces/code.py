"""The face of the code interpreter: its code is shown while it comes, logs and pictures at its end."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import JsonValue, TypeAdapter

from assistd.engine.assistants.faces.base import UNANSWERED, EndedCall, ToolContext
from assistd.engine.context import model_logs
from assistd.engine.tools import code_words
from assistd.engine.tools.base import ToolOutcome
from assistd.engine.tools.code_interpreter import CodeInterpreter
from assistd.engine.tools.code_outcome import CodeOutcome, CodeResult
from assistd.models.conversation import HostedCall, HostedResult, Image
from assistd.objects.run_step import CodeExecution, CodeToolCall, ImageOutput

_RESULT = TypeAdapter(CodeResult)


class CodeFace:
    """The `ToolFace` of the code interpreter."""

    type = code_words.NAME

    def make(self, context: ToolContext) -> CodeInterpreter:
        """Return the code interpreter of a run; see `ToolFace.make`."""
        return CodeInterpreter(context.workspace)

    def show(self, call_id: str, arguments: str) -> CodeToolCall:
        """Return a call that has not run yet; see `CallFace.show`."""
        return CodeToolCall(id=call_id, code_interpreter=CodeExecution(input=arguments))

    def show_more(self, arguments: str) -> dict[str, Any]:
        """Return what a delta says of more code; see `CallFace.show_more`."""
        return {"input": arguments}

    def end(self, call_id: str, arguments: str, outcome: ToolOutcome) -> EndedCall:
        """Return a call with its outputs: one delta has them all, and none comes where there are none.

        The step shows the code that ran, from then on also where deltas had it with a slip.
        """
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

    def retell(
        self,
        call: CodeToolCall,
        result: JsonValue,
        images: Mapping[str, Image],
        max_characters: int,
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
            logs=model_logs.shorten(known.logs, failed=known.failed, limit=max_characters),
            images=tuple(
                images[output.image.file_id]
                for output in execution.outputs
                if isinstance(output, ImageOutput) and output.image.file_id in images
            ),
        )
        tool = code_words.CODE
        return HostedCall(call.id, tool, execution.input), shown.tell(call.id, tool)
