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
        """Return the JSON in streams, which always names the code interpreter, as recorded (trap 26)."""
        return self.evolve(
            tool_resources=self.tool_resources.name_code_interpreter()
        ).model_dump_json()
