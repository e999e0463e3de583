"""The commands and their options; what a command does is in the module that it imports."""

import asyncio
import sys
from typing import Annotated, Any

import typer

from assistd import __version__
from assistd.cli.assets import build_environment, fetch_weights, prepare_assets
from assistd.cli.console import err, exiting_on_errors, fail, load_settings, out, tell
from assistd.cli.execute import execute, serve_json_lines
from assistd.sandbox.environments import additions, environment

# A module that only some commands need is imported by them, for it is time before the output of others.

cli = typer.Typer(
    name="assistd",
    help="The Assistants API with Code Interpreter, self-hosted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
env_cli = typer.Typer(help="The interpreter environment: the packages that code may import.")
cli.add_typer(env_cli, name="env")
model_cli = typer.Typer(help="The built-in language model.")
cli.add_typer(model_cli, name="model")
_PASSED_ON: dict[str, Any] = {
    "add_help_option": False,
    "context_settings": {"ignore_unknown_options": True, "allow_extra_args": True},
}


def main() -> None:
    """Run the command; an error that was foreseen is one line, not a traceback."""
    with exiting_on_errors():
        cli()


@cli.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
) -> None:
    """Serve the API until stopped."""
    from assistd.cli.serve import run_server  # noqa: PLC0415  see above

    given = {"host": host, "port": port}
    settings = load_settings(**{name: value for name, value in given.items() if value is not None})
    run_server(settings, prepare_assets(settings, model=True))


@cli.command("exec")
def exec_(
    code: Annotated[
        str | None, typer.Argument(help="Python to run; `-` reads it from standard input.")
    ] = None,
    seconds: Annotated[float | None, typer.Option(help="Wall time; default: the setting.")] = None,
    json_lines: Annotated[  # noqa: FBT002  a flag of the command line
        bool,
        typer.Option(
            "--json", help="Speak JSON lines on standard input and output: new, exec, put, ..."
        ),
    ] = False,
) -> None:
    """Run Python in a fresh session and print what a notebook would show."""
    settings = load_settings()
    python = prepare_assets(settings, model=False).python
    if json_lines:
        asyncio.run(serve_json_lines(settings, python))
        return
    if code is None:
        fail("Nothing to run: give Python as an argument, `-` to read it, or --json.")
    execute(settings, python, sys.stdin.read() if code == "-" else code, seconds)


@cli.command()
def doctor() -> None:
    """Examine a live session: which walls stand around it on this host, and which do not."""
    from assistd.cli.doctor import diagnose  # noqa: PLC0415  see above

    settings = load_settings()
    diagnose(settings, prepare_assets(settings, model=False).python)


@cli.command(**_PASSED_ON)
def keys(context: typer.Context) -> None:
    """API keys: create, list and revoke them."""
    _pass_on(context)


@cli.command(**_PASSED_ON)
def projects(context: typer.Context) -> None:
    """Projects, tenants that see nothing of each other: create, list, limit and archive them."""
    _pass_on(context)


@cli.command(**_PASSED_ON)
def usage(context: typer.Context) -> None:
    """Show the code interpreter sessions that were metered, and what they cost."""
    _pass_on(context)


@cli.command()
def version() -> None:
    """Print the version."""
    out.print(__version__, highlight=False)


@env_cli.command("build")
def env_build() -> None:
    """Build the interpreter environment, if it does not stand yet."""
    settings = load_settings()
    with exiting_on_errors():
        built = build_environment(settings)
    out.print(str(built.path), highlight=False)


@env_cli.command("list")
def env_list() -> None:
    """List the packages of the interpreter environment with their versions."""
    settings = load_settings()
    with exiting_on_errors():
        found = environment.find(settings.cache_dir, added=settings.packages_file)
    if found is None:
        err.print("The interpreter environment is not built yet; run `assistd env build`.")
        raise typer.Exit(1)
    for name, number in environment.packages(found).items():
        tell(f"{name} {number}")


@env_cli.command("add")
def env_add(
    names: Annotated[list[str], typer.Argument(help="Packages, as pip would take them.")],
) -> None:
    """Add packages to the interpreter environment; a running server gives them to new sessions."""
    settings = load_settings()
    with additions.extending(settings.packages_file, names):
        built = build_environment(settings)
    out.print(str(built.path), highlight=False)


@model_cli.command("fetch")
def model_fetch() -> None:
    """Fetch the weights of the built-in model, if they are not here yet."""
    path = fetch_weights(load_settings())
    out.print(str(path or "no built-in model is set"), highlight=False)


def _pass_on(context: typer.Context) -> None:
    """Hand a command with its arguments to `admin`."""
    from assistd.cli import admin  # noqa: PLC0415  see above

    admin.cli([str(context.info_name), *context.args], prog_name="assistd")
