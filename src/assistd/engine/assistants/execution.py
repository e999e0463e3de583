"""The execution of a run: what it asks of the agent, and with which tools."""

from collections.abc import Iterator

from assistd.engine.agent.ask import Ask
from assistd.engine.agent.loop import run_loop
from assistd.engine.assistants.prompt import RunConversation
from assistd.engine.assistants.recorder import Recorder
from assistd.engine.services import Services
from assistd.engine.tools.code_interpreter import CodeInterpreter
from assistd.engine.tools.code_outcome import CodeOutcome, reject
from assistd.engine.workspace.workspace import Workspace
from assistd.models.base import FunctionTool
from assistd.objects import tools
from assistd.objects.run import Run

_CODE = """\
You can run Python in a stateful Jupyter notebook: variables live on between calls. numpy, pandas, \
scipy, sklearn, matplotlib, seaborn, plotly, openpyxl, docx, pptx, pdfplumber, reportlab, doc2docx (for \
.doc) and more are installed, with fonts for every script; there is no internet. Figures are shown to the user by themselves. \
Files are in /mnt/data. A table becomes an Excel file with df.to_excel('/mnt/data/name.xlsx', index=False). \
To give the user a file, save it there and link it in your answer as [name](sandbox:/mnt/data/name)."""


class _CodeTool:
    """The code interpreter as the agent knows tools."""

    def __init__(self, workspace: Workspace) -> None:
        self._interpreter = CodeInterpreter(workspace)
        self._added = workspace.added

    def instruct(self) -> str:
        """Return what the system message says of it."""
        return f"{_CODE} Also installed: {', '.join(self._added)}." if self._added else _CODE

    async def run(self, arguments: str) -> CodeOutcome:
        """Run one cell."""
        return await self._interpreter.execute(arguments)

    def reject(self, reason: str) -> CodeOutcome:
        """Return the outcome of a call that could not be read."""
        return reject(reason)


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
    hosted = make_tools(journal.run, journal.workspace)
    ask = make_ask(journal.run, hosted, services.policy.run_turns)
    conversation = RunConversation(services, journal)
    await run_loop(ask, conversation, recorder, services.models.resolve)


def make_tools(run: Run, workspace: Workspace) -> tuple[_CodeTool, ...]:
    """Return the tools of a run that this server runs itself."""
    if not tools.runs_code(run.tools):
        return ()
    return (_CodeTool(workspace),)


def make_ask(run: Run, hosted: tuple[_CodeTool, ...], max_turns: int) -> Ask:
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
    return f"function:{choice.function.name}" if choice.function else "code"
