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

    def sse(self) -> str:
        """In streams it always named the code interpreter, as in the answer to GET (trap 26)."""
        return self.evolve(tool_resources=self.tool_resources.filled()).model_dump_json()
