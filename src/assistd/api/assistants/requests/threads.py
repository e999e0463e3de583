"""Bodies of threads."""

from assistd import clock, ids
from assistd.api.assistants.requests.messages import CreateMessage
from assistd.api.assistants.requests.tools import ToolResourcesBody
from assistd.api.bodies import Body, Many, Metadata
from assistd.engine.assistants.stores import THREAD_EXPIRY
from assistd.engine.assistants.threads import NewThread
from assistd.objects.base import ToolResources
from assistd.objects.thread import Thread


class CreateThread(Body):
    """The body of POST /threads; everything may be left out."""

    messages: Many[CreateMessage] = []
    tool_resources: ToolResourcesBody | None = None
    metadata: Metadata | None = None

    def thread(self) -> NewThread:
        """Return the thread, with its first messages and the store that is made for it."""
        resources, store = ToolResources(), None
        if self.tool_resources:
            resources, store = self.tool_resources.make(resources, THREAD_EXPIRY)
        thread = Thread(
            id=ids.new("thread"),
            created_at=clock.seconds(),
            metadata=self.metadata or {},
            tool_resources=resources,
        )
        return NewThread(thread, [each.message() for each in self.messages], store)


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
