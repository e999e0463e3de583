"""A thread: a conversation and its files."""

from typing import Literal

from assistd.objects.base import Metadata, Object, Timestamp, ToolResources


class Thread(Object):
    """The API's thread."""

    id: str
    object: Literal["thread"] = "thread"
    created_at: Timestamp
    metadata: Metadata = {}
    tool_resources: ToolResources = ToolResources()
