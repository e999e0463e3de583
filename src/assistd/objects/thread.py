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


class ThreadSummary(Object):
    """A thread as a list for people shows it; not a part of the hosted API.

    Args:
        title: what its metadata calls it, else the first words of its user; null where there are none.
        last_active_at: when its newest message or run came.
        active_run: the id of the run that locks it; null where none does.
        runs: how many runs it has had.
        messages: how many messages stand in it.
    """

    id: str
    object: Literal["assistd.thread"] = "assistd.thread"
    title: str | None
    created_at: Timestamp
    last_active_at: Timestamp
    active_run: str | None
    runs: int
    messages: int
