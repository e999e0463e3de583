"""What a hosted tool is: one that this server runs when a model calls it."""

from typing import Protocol

from assistd.errors import AssistdError
from assistd.models.conversation import HostedResult, HostedSpec

INTERRUPTED = (
    "The server was stopped before this call came to its end. It may have done its work in part, and "
    "it was not repeated: look at what is there before you make the call again."
)
"""What a model is told of a call that was in flight when its process died or was stopped."""

NOT_RUN = "The server was stopped before this call had its turn: nothing of it was run."
"""What it is told of a call that stood behind that one."""


class ToolError(AssistdError):
    """A tool cannot serve a run, and that is not the model's fault; the message is for the client."""


class ToolOutcome(Protocol):
    """What came of one call.

    Each tool has its own kind; whoever records the calls of a tool knows what its kind holds.
    """

    def tell(self, call_id: str, tool: HostedSpec) -> HostedResult:
        """Return what the model is told of it.

        Args:
            call_id: the id of the call.
            tool: the tool, as the model was told of it.
        """
        ...


class HostedTool(Protocol):
    """A tool for one run, made when the run begins; the loop and `models/` know no other face of it.

    How its arguments are read while they stream stands in its spec: `HostedSpec.streamed` names the
    one that is passed on as it comes, and without such a name they are a whole JSON object.
    """

    @property
    def name(self) -> str:
        """Its name, as in `HostedSpec.name` and as the `type` of the API's tools."""
        ...

    def describe(self, *, has_files: bool) -> HostedSpec:
        """Return how models are told of it.

        Args:
            has_files: whether the run has files that the tool can read.
        """
        ...

    def instruct(self) -> str:
        """Return what the system message says of it."""
        ...

    async def run(self, arguments: str) -> ToolOutcome:
        """Carry out one call; what the model did wrong is an outcome, too.

        Args:
            arguments: see `HostedCall.arguments`.

        Raises:
            AssistdError: a fault of ours, or of this moment: the run fails.
        """
        ...

    def reject(self, reason: str) -> ToolOutcome:
        """Return the outcome of a call whose arguments could not be read; nothing is run.

        Args:
            reason: what the model is told.
        """
        ...
