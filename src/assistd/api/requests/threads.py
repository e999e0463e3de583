"""Bodies of threads."""

from assistd.api.requests.body import Body, Metadata
from assistd.api.requests.messages import CreateMessage
from assistd.api.requests.tools import ToolResourcesBody


class CreateThread(Body):
    """The body of POST /threads; everything may be left out."""

    messages: list[CreateMessage] = []
    tool_resources: ToolResourcesBody | None = None
    metadata: Metadata | None = None


class ModifyThread(Body):
    """The body of POST /threads/{id}."""

    tool_resources: ToolResourcesBody | None = None
    metadata: Metadata | None = None
