"""What a person sees on a terminal: the two streams, the settings, and errors in one line."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NoReturn, TypeVar

import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError
from rich.console import Console

from assistd.errors import AssistdError
from assistd.settings import Settings

R = TypeVar("R")

out = Console(width=None if sys.stdout.isatty() else 160)  # a pipe has no width of its own
err = Console(stderr=True)


def load_settings(**given: object) -> Settings:
    """The settings, those that are `given` in place of the environment's; a wrong one is named."""
    try:
        return Settings.model_validate({**Settings().model_dump(exclude_unset=True), **given})
    except ValidationError as error:
        for each in error.errors():
            name = "_".join(str(part) for part in each["loc"]).upper()
            err.print(
                f"The setting ASSISTD_{name} is wrong: {each['msg']}.", markup=False, soft_wrap=True
            )
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
    err.print(line, highlight=False, markup=False, soft_wrap=True)


def or_exit(function: Callable[[], R]) -> R:
    """What the function returns; an error that was foreseen is one line, not a traceback."""
    try:
        return function()
    except AssistdError as error:
        fail(str(error))


def fail(message: str) -> NoReturn:
    """End the command with an error in one line."""
    err.print(message, style="red", highlight=False, markup=False, soft_wrap=True)
    sys.exit(1)
