"""What came of one call of the code interpreter, for those who record it and for the model."""

from dataclasses import dataclass

from assistd.models.base import CodeResult
from assistd.objects.run_step import CodeOutput, LogsOutput


@dataclass(frozen=True, slots=True)
class CodeOutcome:
    """What came of one code call.

    Args:
        outputs: logs and pictures as the API shows them.
        result: what the model is told, without a call id.
        pictures: file ids of the pictures that were shown, in order.
        files: ids of the files that were written.
        repaired: the code that ran, where it is not the code of the call to the letter.
        removed: ids of files that code wrote before, and that are gone.
    """

    outputs: tuple[CodeOutput, ...]
    result: CodeResult
    pictures: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    repaired: str | None = None
    removed: tuple[str, ...] = ()


def reject(reason: str) -> CodeOutcome:
    """Return the outcome of a code call that could not be read, and so was not run."""
    return CodeOutcome((LogsOutput(logs=reason),), CodeResult(call_id="", logs=reason, failed=True))
