"""An assistant: instructions, a model and tools under an id."""

from typing import Literal

from assistd.objects.base import Metadata, Object, Timestamp, ToolResources
from assistd.objects.tools import ResponseFormat, Tool


class Assistant(Object):
    """The API's assistant; fields in the recorded order (contract section 4)."""

    id: str
    object: Literal["assistant"] = "assistant"
    created_at: Timestamp
    name: str | None = None
    description: str | None = None
    model: str
    instructions: str | None = None
    tools: tuple[Tool, ...] = ()
    top_p: float | None = 1.0
    temperature: float | None = 1.0
    reasoning_effort: str | None = None
    tool_resources: ToolResources = ToolResources()
    metadata: Metadata = {}
    response_format: ResponseFormat = "auto"
