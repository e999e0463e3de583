"""Commands whose module is imported when they are asked for: it is time before the output of others."""

from importlib import import_module
from typing import Any

from typer.core import TyperGroup
from typer.main import get_group

_MODULES = {
    "certs": "assistd.cli.certs",
    "hosts": "assistd.cli.host",
    "keys": "assistd.cli.admin",
    "projects": "assistd.cli.admin",
    "usage": "assistd.cli.admin",
    "runs": "assistd.cli.runs",
}


class LazyGroup(TyperGroup):
    """The commands of assistd; a shell that completes words sees below all of them."""

    # typer keeps the types of contexts and commands to itself

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands."""
        return [*super().list_commands(ctx), *_MODULES]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command by its name."""
        if cmd_name not in _MODULES:
            return super().get_command(ctx, cmd_name)
        group = get_group(import_module(_MODULES[cmd_name]).cli)
        return group.get_command(ctx, cmd_name)
