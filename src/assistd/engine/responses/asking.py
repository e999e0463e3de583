"""What a response asks of the agent: its question, and the tools that this server runs for it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from assistd.engine.agent.ask import Ask
from assistd.engine.responses.recording.journal import Journal
from assistd.engine.services import Services
from assistd.engine.tools.base import HostedTool, ToolOutcome
from assistd.engine.tools.code_interpreter import CodeInterpreter
from assistd.engine.tools.file_search import FileSearch, find_limits
from assistd.engine.vector_stores.filters import parse_filter
from assistd.models import conversation
from assistd.models.base import AnswerOptions
from assistd.models.conversation import HostedSpec
from assistd.objects.responses.item import LOGPROBS
from assistd.objects.responses.response import (
    AllowedTools,
    CodeInterpreterTool,
    FileSearchTool,
    FunctionTool,
    NamedTool,
    Response,
    SchemaFormat,
    TextSettings,
    Tool,
)

_USUAL = 1.0  # temperature and top_p: what an upstream takes by itself
_USUAL_VERBOSITY = "medium"  # likewise


@dataclass(slots=True)
class _Limit:
    """How many calls of hosted tools a response may still make."""

    left: int


class _LimitedTool:
    """A hosted tool that runs nothing once the response has made its calls (responses, trap 50)."""

    def __init__(self, tool: HostedTool, limit: _Limit, most: int) -> None:
        self._tool = tool
        self._limit = limit
        self._reason = f"The limit of {most} tool call(s) is reached. Nothing was run. Answer now."
        self.name = tool.name

    def describe(self, *, has_files: bool) -> HostedSpec:
        return self._tool.describe(has_files=has_files)

    def instruct(self) -> str:
        return self._tool.instruct()

    def reject(self, reason: str) -> ToolOutcome:
        return self._tool.reject(reason)

    async def run(self, arguments: str) -> ToolOutcome:
        self._limit.left -= 1
        if self._limit.left < 0:
            return self._tool.reject(self._reason)
        return await self._tool.run(arguments)


def make_tools(
    services: Services, journal: Journal, project_id: str, api_key_id: str | None
) -> tuple[HostedTool, ...]:
    """Return the tools of a response that this server runs itself."""
    response = journal.response
    found: list[HostedTool] = []
    for tool in _list_allowed(response):
        if isinstance(tool, CodeInterpreterTool) and journal.workspace:
            found.append(CodeInterpreter(journal.workspace))
        elif isinstance(tool, FileSearchTool):
            found.append(_make_search(services, response, tool, project_id, api_key_id))
    if response.max_tool_calls is None:
        return tuple(found)
    made = journal.count_hosted_calls()  # by another process
    limit = _Limit(response.max_tool_calls - made)
    return tuple(_LimitedTool(tool, limit, response.max_tool_calls) for tool in found)


def _make_search(
    services: Services,
    response: Response,
    tool: FileSearchTool,
    project_id: str,
    api_key_id: str | None,
) -> FileSearch:
    return FileSearch(
        services.search,
        project_id,
        tool.vector_store_ids,
        api_key_id=api_key_id,
        limits=find_limits(
            response.model,
            services.models.find_window(response.model),
            max_results=tool.max_num_results,
            threshold=tool.ranking_options.score_threshold,
            hybrid=tool.ranking_options.hybrid_search,
        ),
        filters=parse_filter(tool.filters, services.policy) if tool.filters else None,
    )


def make_ask(journal: Journal, hosted: tuple[HostedTool, ...], max_turns: int) -> Ask:
    """Return what a response asks of the agent.

    Args:
        journal: the response, and what of its items is wanted.
        hosted: see `make_tools`.
        max_turns: see `Ask`.
    """
    response, text = journal.response, journal.response.text
    return Ask(
        model=response.model,
        instructions=response.instructions,
        tools=hosted,
        functions=tuple(_list_functions(response)),
        tool_choice=_tool_choice(response),
        options=AnswerOptions(
            parallel_tool_calls=response.parallel_tool_calls,
            temperature=None if response.temperature == _USUAL else response.temperature,
            top_p=None if response.top_p == _USUAL else response.top_p,
            reasoning_effort=response.reasoning.effort,
            response_format=_response_format(text),
            verbosity=None if text.verbosity == _USUAL_VERBOSITY else text.verbosity,
            top_logprobs=response.top_logprobs if LOGPROBS in journal.include else None,
        ),
        max_completion_tokens=response.max_output_tokens,
        max_turns=max_turns,
        truncation="beginning" if response.truncation == "auto" else "disabled",
    )


def _list_allowed(response: Response) -> list[Tool]:
    """Return the tools that the model may call at all."""
    choice = response.tool_choice
    if not isinstance(choice, AllowedTools):
        return list(response.tools)
    return [tool for tool in response.tools if any(each.names(tool) for each in choice.tools)]


def _list_functions(response: Response) -> Iterator[conversation.FunctionTool]:
    for tool in _list_allowed(response):
        if isinstance(tool, FunctionTool):
            yield conversation.FunctionTool(
                tool.name, tool.description, tool.parameters, tool.strict
            )


def _tool_choice(response: Response) -> str:
    match response.tool_choice:
        case AllowedTools(mode=mode):
            return mode
        case NamedTool(type="function", name=name):
            return f"function:{name}"
        case NamedTool(type=kind):
            return f"hosted:{kind}"
        case choice:
            return choice


def _response_format(text: TextSettings) -> dict[str, Any] | None:
    """Return the format as chat completions have it."""
    wanted = text.format
    if not isinstance(wanted, SchemaFormat):
        return None if wanted.type == "text" else {"type": wanted.type}
    schema = {key: value for key, value in wanted.model_dump().items() if value is not None}
    del schema["type"]
    return {"type": "json_schema", "json_schema": schema}
