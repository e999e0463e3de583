"""The execution of a run: what it asks of the agent, and with which tools."""

from collections.abc import Iterator

from assistd.engine.agent.ask import Ask
from assistd.engine.agent.loop import run_loop
from assistd.engine.assistants.faces.base import ToolContext
from assistd.engine.assistants.faces.registry import make_tools
from assistd.engine.assistants.prompt import RunConversation
from assistd.engine.assistants.recorder import Recorder
from assistd.engine.services import Services
from assistd.engine.tools.base import HostedTool
from assistd.models.conversation import FunctionTool
from assistd.objects import tools
from assistd.objects.run import Run


async def execute(services: Services, recorder: Recorder) -> None:
    """Execute a run until it ends, or waits for the client.

    Args:
        services: the rooms.
        recorder: the run's recorder; it knows the run as it is now.

    Raises:
        ModelError: the model's upstream failed for good.
        BusyError: every session is in use, and stayed so.
        SandboxError: no session can be had.
        TransitionError: somebody else ended the run, or asked to cancel it.
        LeaseLostError: another process executes the run by now.
    """
    journal = recorder.journal
    workspace = journal.workspace
    context = ToolContext(journal.run, workspace.scope.project_id, services, workspace)
    ask = make_ask(journal.run, make_tools(context), services.policy.run_turns)
    conversation = RunConversation(services, journal)
    await run_loop(ask, conversation, recorder, services.models.resolve)


def make_ask(run: Run, hosted: tuple[HostedTool, ...], max_turns: int) -> Ask:
    """Return what a run asks of the agent.

    Args:
        run: the run, with its overrides of the assistant's settings.
        hosted: see `make_tools`.
        max_turns: see `Ask`.
    """
    return Ask(
        model=run.model,
        instructions=run.instructions,
        tools=hosted,
        functions=tuple(_functions(run)),
        tool_choice=_tool_choice(run),
        parallel_tool_calls=run.parallel_tool_calls,
        temperature=run.temperature,
        top_p=run.top_p,
        reasoning_effort=run.reasoning_effort,
        response_format=None if isinstance(run.response_format, str) else run.response_format,
        max_prompt_tokens=run.max_prompt_tokens,
        max_completion_tokens=run.max_completion_tokens,
        max_turns=max_turns,
    )


def _functions(run: Run) -> Iterator[FunctionTool]:
    for tool in run.tools:
        if isinstance(tool, tools.FunctionTool):
            function = tool.function
            yield FunctionTool(
                function.name, function.description, function.parameters, function.strict
            )


def _tool_choice(run: Run) -> str:
    choice = run.tool_choice
    if isinstance(choice, str):
        return choice
    return f"function:{choice.function.name}" if choice.function else f"hosted:{choice.type}"
