"""Bodies of threads."""

from assistd.api.assistants.requests.messages import CreateMessage
from assistd.api.assistants.requests.tools import ToolResourcesBody
from assistd.api.bodies import Body, Metadata
from assistd.objects.thread import Thread


class CreateThread(Body):
    """The body of POST /threads; everything may be left out."""

    messages: list[CreateMessage] = []
    tool_resources: ToolResourcesBody | None = None
    metadata: Metadata | None = None


class ModifyThread(Body):
    """The body of POST /threads/{id}."""

    tool_resources: ToolResourcesBody | None = None
    metadata: Metadata | None = None

    def apply(self, thread: Thread) -> Thread:
        """Return the thread with the fields that were sent in place of its own."""
        if "metadata" in self.model_fields_set:
            thread = thread.evolve(metadata=self.metadata or {})
        if self.tool_resources is not None:
            thread = thread.evolve(tool_resources=self.tool_resources.over(thread.tool_resources))
        return thread
