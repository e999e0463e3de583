"""The terminal: its two streams, errors of one line, and settings that are named when they are wrong."""

import re
import sys
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import NoReturn, TextIO

import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError
from rich.console import Console
from rich.text import Text

from assistd.errors import AssistdError
from assistd.quoting import escape
from assistd.settings import Settings

# Control characters, and those that change the direction of writing.
_OBEYED = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)

out = Console(width=None if sys.stdout.isatty() else 160)  # a pipe has no width of its own
err = Console(stderr=True)


def escape_controls(text: str, stream: Console | TextIO) -> str:
    """Escape what a terminal would obey in text that others wrote, if the stream is a terminal.

    Line ends, tabs and carriage returns stay.
    """
    is_terminal = stream.is_terminal if isinstance(stream, Console) else stream.isatty()
    return _OBEYED.sub(_escape_match, text) if is_terminal else text


def cell(text: str) -> Text:
    """Make a cell of a table on standard output of text that others wrote: one line, no markup."""
    return Text(escape(text) if out.is_terminal else text)


def tell(line: str) -> None:
    """Print a line that may hold names which others chose."""
    out.print(escape_controls(line, out), highlight=False, markup=False, soft_wrap=True)


def _escape_match(match: re.Match[str]) -> str:
    return repr(match[0])[1:-1]


def load_settings(**given: object) -> Settings:
    """Read the settings; those in `given` come before the environment's.

    Raises:
        typer.Exit: a setting is wrong; the error on the terminal names it.
    """
    try:
        return Settings.model_validate({**Settings().model_dump(exclude_unset=True), **given})
    except ValidationError as error:
        for each in error.errors():
            name = "_".join(str(part) for part in each["loc"]).upper()
            if not name.startswith(("ASSISTD_", "OPENAI_", "OTEL_")):
                name = f"ASSISTD_{name}"
            wrong = escape_controls(f"The setting {name} is wrong: {each['msg']}.", err)
            err.print(wrong, markup=False, soft_wrap=True)
        raise typer.Exit(2) from error
    except SettingsError as error:  # a value that should be JSON and is not
        name = str(error).partition('"')[2].partition('"')[0].upper()
        err.print(f"The setting ASSISTD_{name} is wrong: it must be JSON.", markup=False)
        raise typer.Exit(2) from error


def format_utc(seconds: int) -> str:
    """Return a time in Unix seconds as a person reads it, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def say(line: str) -> None:
    """Print what goes on to standard error, beside the output."""
    err.print(escape_controls(line, err), highlight=False, markup=False, soft_wrap=True)


@contextmanager
def exiting_on_errors() -> Generator[None]:
    """End the command at an error that was foreseen: one line, not a traceback."""
    try:
        yield
    except AssistdError as error:
        fail(str(error))


def fail(message: str) -> NoReturn:
    """End the command with an error of one line."""
    shown = escape_controls(message, err)
    err.print(shown, style="red", highlight=False, markup=False, soft_wrap=True)
    sys.exit(1)
