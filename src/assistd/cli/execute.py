"""Runs code in a fresh session of this host's sandbox: once, or as JSON lines ask for it."""

import asyncio
import sys
from pathlib import Path

import typer

from assistd.cli.console import escape_controls, say
from assistd.sandbox.base import Execution, Logs, Output, Picture
from assistd.settings import Settings
from assistd.wiring.sandbox import open_pool


def execute(settings: Settings, python: Path, code: str, seconds: float | None) -> None:
    """Run code, print what it shows while it runs, and end the command with its outcome.

    Args:
        settings: the settings.
        python: the interpreter of the interpreter environment.
        code: the Python to run.
        seconds: its wall time; None for that of the settings.

    Raises:
        typer.Exit: always; 0 where the code ended well, else 1.
    """
    execution = asyncio.run(_execute(settings, python, code, seconds))
    pictures = [each for each in execution.outputs if isinstance(each, Picture)]
    for number, picture in enumerate(pictures, 1):
        path = Path(f"picture-{number}.png")
        path.write_bytes(picture.data)
        say(f"picture saved: {path}")
    for note in execution.notes:
        say(note)
    raise typer.Exit(0 if execution.status == "ok" else 1)


async def _execute(settings: Settings, python: Path, code: str, seconds: float | None) -> Execution:
    async with open_pool(settings, python) as sessions:
        await sessions.start()
        session = await sessions.open("exec")
        return await session.execute(code, seconds=seconds, on_output=_show)


def _show(output: Output) -> None:
    if isinstance(output, Logs):
        stream = sys.stderr if output.name in {"stderr", "error"} else sys.stdout
        stream.write(escape_controls(output.text, stream))
        stream.flush()


async def serve_json_lines(settings: Settings, python: Path) -> None:
    """Carry out the JSON lines of standard input, and write one line for each to standard output."""
    from assistd.cli.exec_json import LineService, stdin_lines  # noqa: PLC0415  rarely wanted

    async with open_pool(settings, python) as sessions:
        await sessions.start()
        await LineService(sessions).serve(stdin_lines(), lambda line: print(line, flush=True))  # noqa: T201
