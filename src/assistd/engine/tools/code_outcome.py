"""What came of one call of the code interpreter, for those who record it and for the model."""

from dataclasses import dataclass, field

from assistd.models.base import CodeResult
from assistd.objects.run_step import CodeOutput, LogsOutput


@dataclass(frozen=True, slots=True)
class CodeOutcome:
    """What came of one code call.

    Args:
        outputs: logs and pictures as the API shows them.
        result: what the model is told, without a call id.
        pictures: file ids of the pictures that were shown, in order.
        files: the files that were written: path below /mnt/data -> file id.
        repaired: the code that ran, where it is not the code of the call to the letter.
        removed: paths below /mnt/data of files that are gone since the call before.
    """

    outputs: tuple[CodeOutput, ...]
    result: CodeResult
    pictures: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict[str, str])
    repaired: str | None = None
    removed: tuple[str, ...] = ()


def reject(reason: str) -> CodeOutcome:
    """Return the outcome of a code call that could not be read, and so was not run."""
    return CodeOutcome((LogsOutput(logs=reason),), CodeResult(call_id="", logs=reason, failed=True))
