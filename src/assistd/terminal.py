"""What a person sees on a terminal: the two streams, the settings, and errors in one line."""

import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NoReturn, TextIO, TypeVar

import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError
from rich.console import Console
from rich.text import Text

from assistd.errors import AssistdError
from assistd.quoting import escape
from assistd.settings import Settings

R = TypeVar("R")

# Control characters, and those that change the direction of writing.
_OBEYED = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)

out = Console(width=None if sys.stdout.isatty() else 160)  # a pipe has no width of its own
err = Console(stderr=True)


def readable(text: str, stream: Console | TextIO) -> str:
    """Return what others wrote as a stream may have it: with nothing that a terminal obeys, if it is one.

    Line ends, tabs and returns to the start of the line stay.
    """
    is_terminal = stream.is_terminal if isinstance(stream, Console) else stream.isatty()
    return _OBEYED.sub(_escaped, text) if is_terminal else text


def cell(text: str) -> Text:
    """Return what others wrote as a cell of a table on standard output, on one line and without markup."""
    return Text(escape(text) if out.is_terminal else text)


def tell(line: str) -> None:
    """Print a line that may hold names which others chose."""
    out.print(readable(line, out), highlight=False, markup=False, soft_wrap=True)


def _escaped(match: re.Match[str]) -> str:
    return repr(match[0])[1:-1]


def load_settings(**given: object) -> Settings:
    """The settings, those that are `given` in place of the environment's; a wrong one is named."""
    try:
        return Settings.model_validate({**Settings().model_dump(exclude_unset=True), **given})
    except ValidationError as error:
        for each in error.errors():
            name = "_".join(str(part) for part in each["loc"]).upper()
            wrong = readable(f"The setting ASSISTD_{name} is wrong: {each['msg']}.", err)
            err.print(wrong, markup=False, soft_wrap=True)
        raise typer.Exit(2) from error
    except SettingsError as error:  # a value that should be JSON and is not
        name = str(error).partition('"')[2].partition('"')[0].upper()
        err.print(f"The setting ASSISTD_{name} is wrong: it must be JSON.", markup=False)
        raise typer.Exit(2) from error


def utc(seconds: int) -> str:
    """A time in Unix seconds as a person reads it, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def say(line: str) -> None:
    """Tell what goes on, beside the output."""
    err.print(readable(line, err), highlight=False, markup=False, soft_wrap=True)


def or_exit(function: Callable[[], R]) -> R:
    """What the function returns; an error that was foreseen is one line, not a traceback."""
    try:
        return function()
    except AssistdError as error:
        fail(str(error))


def fail(message: str) -> NoReturn:
    """End the command with an error in one line."""
    shown = readable(message, err)
    err.print(shown, style="red", highlight=False, markup=False, soft_wrap=True)
    sys.exit(1)
