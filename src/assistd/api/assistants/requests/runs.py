"""Requests about runs: their bodies, and the parameter `include[]`, which their steps have, too."""

from typing import Annotated, Any, Literal, Self

from fastapi import Depends, Query
from pydantic import Field, model_validator

from assistd.api.assistants.requests.messages import CreateMessage
from assistd.api.assistants.requests.threads import CreateThread
from assistd.api.assistants.requests.tools import (
    ResponseFormatBody,
    ToolBody,
    ToolChoiceBody,
    ToolResourcesBody,
    response_format,
    tools_of,
)
from assistd.api.bodies import (
    Body,
    Effort,
    Flag,
    Instructions,
    Many,
    Metadata,
    ModelName,
    Temperature,
    TopP,
)
from assistd.objects.assistant import Assistant
from assistd.objects.base import ToolResources

_Included = Literal["step_details.tool_calls[*].file_search.results[*].content"]  # `RESULT_CONTENT`


async def read_include(
    bracketed: Annotated[list[_Included] | None, Query(alias="include[]")] = None,
    plain: Annotated[list[_Included] | None, Query(alias="include")] = None,
) -> frozenset[str]:
    """Return what is to be included; SDKs send the name with brackets, others without (trap 33)."""
    return frozenset([*(bracketed or ()), *(plain or ())])


IncludeDep = Annotated[frozenset[str], Depends(read_include)]


class TruncationBody(Body):
    """How the conversation is shortened for the model."""

    type: Literal["auto", "last_messages"]
    last_messages: Annotated[int, Field(strict=True, ge=1)] | None = None

    @model_validator(mode="after")
    def _counts(self) -> Self:
        if self.type == "last_messages" and self.last_messages is None:
            raise ValueError("'last_messages' must say how many messages are kept")
        return self


class RunFields(Body):
    """What may be set for one run, in the assistant's place."""

    assistant_id: str
    model: ModelName | None = None
    instructions: Instructions | None = None
    tools: Annotated[Many[ToolBody], Field(max_length=20)] | None = None
    metadata: Metadata | None = None
    temperature: Temperature | None = None
    top_p: TopP | None = None
    stream: Flag | None = None
    max_prompt_tokens: Annotated[int, Field(strict=True, ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(strict=True, ge=1)] | None = None
    truncation_strategy: TruncationBody | None = None
    tool_choice: Literal["none", "auto", "required"] | ToolChoiceBody | None = None
    parallel_tool_calls: Flag | None = None
    response_format: Literal["auto"] | ResponseFormatBody | None = None

    def overrides(self, assistant: Assistant) -> dict[str, Any]:
        """Return the fields of a run that this body sets; null inherits (contract section 5).

        Args:
            assistant: whose settings the others are.
        """
        del assistant
        names = (
            "model",
            "instructions",
            "metadata",
            "temperature",
            "top_p",
            "max_prompt_tokens",
            "max_completion_tokens",
            "parallel_tool_calls",
        )
        found = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        if self.tools is not None:
            found["tools"] = tools_of(self.tools)
        if self.truncation_strategy:
            found["truncation_strategy"] = self.truncation_strategy.model_dump()
        if self.tool_choice is not None:
            choice = self.tool_choice
            found["tool_choice"] = choice if isinstance(choice, str) else choice.choice()
        if self.response_format is not None:
            found["response_format"] = response_format(self.response_format)
        return found


class CreateRun(RunFields):
    """The body of POST /threads/{id}/runs."""

    additional_instructions: Instructions | None = None
    additional_messages: Many[CreateMessage] | None = None
    reasoning_effort: Effort | None = None

    def overrides(self, assistant: Assistant) -> dict[str, Any]:
        """Return the fields that are set; additional instructions follow the others."""
        found = super().overrides(assistant)
        if self.additional_instructions:
            parts = [
                found.get("instructions", assistant.instructions),
                self.additional_instructions,
            ]
            found["instructions"] = "\n\n".join(part for part in parts if part)
        if self.reasoning_effort:
            found["reasoning_effort"] = self.reasoning_effort
        return found


class CreateThreadAndRun(RunFields):
    """The body of POST /threads/runs; here the run may have files of its own (trap 42)."""

    thread: CreateThread = CreateThread()
    tool_resources: ToolResourcesBody | None = None

    @property
    def store_ids(self) -> tuple[str, ...]:
        """The vector stores that the run has in the place of its assistant's."""
        return self.tool_resources.over(ToolResources()).store_ids if self.tool_resources else ()

    def overrides(self, assistant: Assistant) -> dict[str, Any]:
        """Return the fields that are set; files are laid over those of the assistant."""
        found = super().overrides(assistant)
        if self.tool_resources:
            found["tool_resources"] = self.tool_resources.over(assistant.tool_resources)
        return found


class ToolOutputBody(Body):
    """What the client's function answered; no output is an empty one."""

    tool_call_id: str
    output: str | None = None


class SubmitToolOutputs(Body):
    """The body of POST .../submit_tool_outputs."""

    tool_outputs: Many[ToolOutputBody]
    stream: Flag | None = None
