"""What came of one call of the code interpreter: for those who record it, and for the model."""

from dataclasses import dataclass
from typing import Self

from assistd.models.conversation import HostedResult, HostedSpec, Image
from assistd.objects.run_step import CodeOutput, LogsOutput
from assistd.quoting import quote_path

_NAMED_FILES = 100  # of those that one call wrote


@dataclass(frozen=True, slots=True)
class CodeResult:
    """What came of one cell; the names of its fields are stored beside steps.

    Args:
        call_id: stored, and empty: the step knows the ids of its calls.
        logs: what a notebook would show: stdout, stderr, last value, traceback.
        files: paths below /mnt/data of the files the call wrote, sorted.
        pictures: how many pictures were shown.
        notes: sentences for the model, such as "The session was restarted; variables are gone."
        images: the pictures themselves, for models that can see; none of them is stored.
        failed: whether the code raised, was stopped, or took its session with it.
    """

    call_id: str
    logs: str
    files: tuple[str, ...] = ()
    pictures: int = 0
    notes: tuple[str, ...] = ()
    images: tuple[Image, ...] = ()
    failed: bool = False

    @property
    def text(self) -> str:
        """The result as a model without special knowledge reads it."""
        lines = [self.logs.rstrip("\n")] if self.logs else []
        if self.pictures:
            lines.append(f"[{self.pictures} picture(s) were shown to the user]")
        lines += [f"[file written: {quote_path(name)}]" for name in self.files[:_NAMED_FILES]]
        if more := self.files[_NAMED_FILES:]:
            lines.append(f"[{len(more)} more files written]")
        lines += [f"[{note}]" for note in self.notes]
        return "\n".join(lines) or "[the code ran and printed nothing]"

    def tell(self, call_id: str, tool: HostedSpec) -> HostedResult:
        """Return the result in the form that models take (see `ToolOutcome.tell`)."""
        return HostedResult(
            call_id,
            tool,
            self.text,
            output=self.logs,
            files=self.files,
            images=self.images,
            failed=self.failed,
            # A note tells of a restart or a limit: then the same code may well be right once more.
            may_differ=bool(self.notes),
        )


@dataclass(frozen=True, slots=True)
class CodeOutcome:
    """What came of one code call.

    Args:
        outputs: logs and pictures as the API shows them.
        result: what the model is told.
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

    @classmethod
    def reject(cls, reason: str) -> Self:
        """Return the outcome of a call that could not be read, and so was not run."""
        return cls((LogsOutput(logs=reason),), CodeResult(call_id="", logs=reason, failed=True))

    @classmethod
    def interrupt(cls, reason: str) -> Self:
        """Return the outcome of a call that was cut off with its server; made again, it may go well."""
        result = CodeResult(call_id="", logs="", notes=(reason,), failed=True)
        return cls((LogsOutput(logs=f"[{reason}]"),), result)

    def tell(self, call_id: str, tool: HostedSpec) -> HostedResult:
        """Return what the model is told of it (see `ToolOutcome.tell`)."""
        return self.result.tell(call_id, tool)
