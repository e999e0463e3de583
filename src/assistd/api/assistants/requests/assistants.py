"""Bodies of assistants."""

from typing import Annotated, Literal

from pydantic import StringConstraints

from assistd import clock, ids
from assistd.api.assistants.requests.tools import (
    ResponseFormatBody,
    ToolResourcesBody,
    Tools,
    response_format,
    tools_of,
)
from assistd.api.bodies import (
    Body,
    Effort,
    Instructions,
    Metadata,
    ModelName,
    Temperature,
    TopP,
)
from assistd.engine.assistants.stores import NewStore
from assistd.objects import tools
from assistd.objects.assistant import Assistant
from assistd.objects.base import ToolResources


class AssistantFields(Body):
    """What can be set on an assistant."""

    name: Annotated[str, StringConstraints(max_length=256)] | None = None
    description: Annotated[str, StringConstraints(max_length=512)] | None = None
    instructions: Instructions | None = None
    tools: Tools | None = None
    tool_resources: ToolResourcesBody | None = None
    metadata: Metadata | None = None
    temperature: Temperature | None = None
    top_p: TopP | None = None
    reasoning_effort: Effort | None = None
    response_format: Literal["auto"] | ResponseFormatBody | None = None

    def _apply(self, assistant: Assistant, resources: ToolResources) -> Assistant:
        """Return the assistant with the fields that were sent; null means the default (contract section 4)."""
        changes = self.get_sent("name", "description", "instructions", "reasoning_effort", "model")
        for name, value in self.get_sent("temperature", "top_p").items():
            changes[name] = 1.0 if value is None else value
        if "tools" in self.model_fields_set:
            changes["tools"] = tools_of(self.tools)
        if "metadata" in self.model_fields_set:
            changes["metadata"] = self.metadata or {}
        if "response_format" in self.model_fields_set:
            changes["response_format"] = response_format(self.response_format)
        changed = assistant.evolve(**changes)
        if tools.runs_code(changed.tools):
            resources = resources.name_code_interpreter()
        if tools.find_search(changed.tools):
            resources = resources.name_file_search()
        return changed.evolve(tool_resources=resources)


class CreateAssistant(AssistantFields):
    """The body of POST /assistants."""

    model: ModelName

    def assistant(self) -> tuple[Assistant, NewStore | None]:
        """Return the assistant, and the vector store that is made for it."""
        empty = Assistant(id=ids.new("asst"), created_at=clock.seconds(), model=self.model)
        resources, store = (self.tool_resources or ToolResourcesBody()).make(empty.tool_resources)
        return self._apply(empty, resources), store


class ModifyAssistant(AssistantFields):
    """The body of POST /assistants/{id}."""

    model: ModelName | None = None

    def apply(self, assistant: Assistant) -> Assistant:
        """Return the assistant with the fields that were sent; a model cannot be taken away."""
        resources = assistant.tool_resources
        if self.tool_resources is not None:
            resources = self.tool_resources.over(resources)
        changed = self._apply(assistant, resources)
        return changed if self.model else changed.evolve(model=assistant.model)
