"""Bodies of assistants."""

from typing import Annotated, Literal

from pydantic import StringConstraints

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
from assistd.objects.assistant import Assistant


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

    def apply(self, assistant: Assistant) -> Assistant:
        """Return the assistant with the fields that were sent; null means the default (contract section 4)."""
        changes = self.get_sent("name", "description", "instructions", "reasoning_effort", "model")
        for name, value in self.get_sent("temperature", "top_p").items():
            changes[name] = 1.0 if value is None else value
        if "tools" in self.model_fields_set:
            changes["tools"] = tools_of(self.tools)
        if self.tool_resources is not None:
            changes["tool_resources"] = self.tool_resources.over(assistant.tool_resources)
        if "metadata" in self.model_fields_set:
            changes["metadata"] = self.metadata or {}
        if "response_format" in self.model_fields_set:
            changes["response_format"] = response_format(self.response_format)
        changed = assistant.evolve(**changes)
        if any(tool.type == "code_interpreter" for tool in changed.tools):
            return changed.evolve(tool_resources=changed.tool_resources.name_code_interpreter())
        return changed


class CreateAssistant(AssistantFields):
    """The body of POST /assistants."""

    model: ModelName


class ModifyAssistant(AssistantFields):
    """The body of POST /assistants/{id}."""

    model: ModelName | None = None

    def apply(self, assistant: Assistant) -> Assistant:
        """Return the assistant with the fields that were sent; a model cannot be taken away."""
        changed = super().apply(assistant)
        return changed if self.model else changed.evolve(model=assistant.model)
