"""What a face is: how the Assistants API shows the calls of one hosted tool."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import JsonValue

from assistd.engine.annotations.citations import Source
from assistd.engine.services import Services
from assistd.engine.tools.base import HostedTool, ToolOutcome
from assistd.engine.workspace.workspace import Workspace
from assistd.models.conversation import HostedCall, HostedResult, Image
from assistd.objects.run import Run
from assistd.objects.run_step import ToolCall

UNANSWERED = "[no output: the run ended before it came]"
"""What a model is told of an earlier call that was never answered."""


@dataclass(frozen=True, slots=True)
class ToolContext:
    """What the tools of a run are made of.

    Args:
        run: the run, with its overrides of the assistant's settings.
        project_id: whose run it is.
        services: the rooms.
        workspace: the /mnt/data of the run's thread.
    """

    run: Run
    project_id: str
    services: Services
    workspace: Workspace


@dataclass(frozen=True, slots=True)
class EndedCall:
    """A call that came to its end.

    Args:
        call: the call as its step shows it from now on.
        delta: what the last delta of the call adds to its part; None: there is none.
        result: what is stored beside the step, for `ToolFace.retell`; never shown.
        pictures: file ids of pictures that the next message shows.
        files: file ids of files that the next message attaches.
        removed: file ids of files that no message attaches any more.
    """

    call: ToolCall
    delta: Mapping[str, Any] | None
    result: JsonValue
    pictures: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Retelling:
    """How a model is told of earlier calls.

    Args:
        images: the pictures that it can see, by file id.
        max_characters: about how much it may be told of what a tool printed.
        ordinals: how many calls of the same tool came before a call in the thread, by its id.
    """

    images: Mapping[str, Image]
    max_characters: int
    ordinals: Mapping[str, int]


class CallFace(Protocol):
    """How a call is shown while it comes; one of a client's function, too."""

    @property
    def type(self) -> str:
        """The `type` of its calls, and the name of the member that holds what a call is about."""
        ...

    def show(self, call_id: str, arguments: str, run: Run) -> ToolCall:
        """Return a call that has no outcome yet; with no arguments, as its first delta shows it.

        Args:
            call_id: the id of the call.
            arguments: what came of them so far; see `HostedCall.arguments`.
            run: whose call it is; its tools have settings.
        """
        ...

    def show_more(self, arguments: str) -> Mapping[str, Any] | None:
        """Return what a delta adds to the call for some more arguments; None: nothing is shown.

        Args:
            arguments: what came since the last delta.
        """
        ...


class ToolFace(CallFace, Protocol):
    """How the Assistants API shows one hosted tool: to clients in steps, and to models again.

    It has no state: one object serves all runs. Its `type` is that of the tool on assistants and
    runs, and the tool's `HostedSpec.name`.
    """

    async def make(self, context: ToolContext) -> HostedTool | None:
        """Return the tool for one run that has it; None where there is nothing that it could work on.

        Raises:
            ToolError: what it works on is gone: the run fails.
        """
        ...

    def end(self, call_id: str, arguments: str, outcome: ToolOutcome, run: Run) -> EndedCall:
        """Return a call with what came of it.

        Args:
            call_id: the id of the call.
            arguments: all of them.
            outcome: what the tool returned.
            run: see `CallFace.show`.
        """
        ...

    def interrupt(self, call: Any, reason: str, run: Run) -> EndedCall:
        """Return a call that was cut off before it had an outcome.

        Args:
            call: as its step shows it; of this face's `type`.
            reason: what clients and models are told in place of an outcome.
            run: see `CallFace.show`.
        """
        ...

    def retell(
        self, call: Any, result: JsonValue, how: Retelling
    ) -> tuple[HostedCall, HostedResult]:
        """Return an earlier call and what came of it, as models are told them.

        Args:
            call: as its step shows it; of this face's `type`.
            result: what `end` had stored, perhaps in an older version; None: the call had no end
                (`UNANSWERED`).
            how: what else it depends on.
        """
        ...

    def list_sources(self, call: Any, ordinal: int) -> Sequence[Source]:
        """Return what answers may cite of an earlier call.

        Args:
            call: as its step shows it; of this face's `type`.
            ordinal: see `Retelling.ordinals`.
        """
        ...
