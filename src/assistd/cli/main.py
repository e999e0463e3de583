"""The commands and their options; what a command does is in the module that it imports."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from assistd import __version__
from assistd.cli.assets import build_environment, fetch_weights, prepare_interpreter, prepare_server
from assistd.cli.console import err, exiting_on_errors, fail, load_settings, out, tell
from assistd.cli.execute import execute, serve_json_lines
from assistd.cli.lazy_group import LazyGroup
from assistd.sandbox.environments import additions, environment
from assistd.settings import Settings

# A module that only some commands need is imported by them, for it is time before the output of others.

cli = typer.Typer(
    name="assistd",
    cls=LazyGroup,
    help="The Assistants API with Code Interpreter, self-hosted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
env_cli = typer.Typer(help="The interpreter environment: the packages that code may import.")
cli.add_typer(env_cli, name="env")
model_cli = typer.Typer(help="The built-in language model.")
cli.add_typer(model_cli, name="model")

_Host = Annotated[str | None, typer.Option(help="Address to listen on.")]
_Port = Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")]


def main() -> None:
    """Run the command; an error that was foreseen is one line, not a traceback."""
    with exiting_on_errors():
        cli()


@cli.command()
def serve(
    host: _Host = None,
    port: _Port = None,
    *,
    open_: Annotated[
        bool, typer.Option("--open", help="Open the playground in a browser, signed in.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=64,
            help="API processes, beside one that has the sandbox; default: one process for all.",
        ),
    ] = None,
) -> None:
    """Serve the API until stopped."""
    settings = _settings(host, port)
    if workers is None:
        from assistd.cli.serve.one_process import run_server  # noqa: PLC0415  see above

        run_server(settings, prepare_server(settings), opens=open_)
    else:
        from assistd.cli.serve.workers import run_workers  # noqa: PLC0415  see above

        run_workers(settings, prepare_server(settings), workers, opens=open_)


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
    python = prepare_interpreter(settings)
    if json_lines:
        asyncio.run(serve_json_lines(settings, python))
        return
    if code is None:
        fail("Nothing to run: give Python as an argument, `-` to read it, or --json.")
    execute(settings, python, sys.stdin.read() if code == "-" else code, seconds)


@cli.command()
def host(
    socket: Annotated[
        Path | None,
        typer.Option(help="Its unix socket; default: the setting, or one in the data folder."),
    ] = None,
    *,
    join: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS:PORT",
            help="Join API servers on other machines, where they hear hosts; `ipv4:A:PORT,B:PORT` for several.",
        ),
    ] = None,
    listen: Annotated[
        str, typer.Option(metavar="ADDRESS:PORT", help="With --join: where it listens.")
    ] = "0.0.0.0:8486",
    address: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS:PORT", help="With --join: how servers reach it, if not by --listen."
        ),
    ] = None,
    memory_mib: Annotated[
        int | None,
        typer.Option(
            min=64, help="With --join: memory for sessions; default: nine tenths of the machine's."
        ),
    ] = None,
    metrics_listen: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS:PORT", help="With --join: give out its metrics to anybody there."
        ),
    ] = None,
    numbers: Annotated[
        int | None,
        typer.Option(hidden=True, help="Memory of `serve --workers` for what is counted."),
    ] = None,
) -> None:
    """Serve the sessions of this machine to API servers, until stopped."""
    from assistd.cli.host import require_ports, run_host, run_joined_host  # noqa: PLC0415  see above
    from assistd.hosting import Joining  # noqa: PLC0415  as well

    if join is not None:
        require_ports(join)
    settings = load_settings()
    python = prepare_interpreter(settings)
    if join is not None:
        run_joined_host(
            settings, python, Joining(join, listen, address, memory_mib, metrics_listen)
        )
    else:
        run_host(settings, python, socket, numbers)


@cli.command()
def doctor() -> None:
    """Examine a live session: which walls stand around it on this host, and which do not."""
    from assistd.cli.doctor import diagnose  # noqa: PLC0415  see above

    settings = load_settings()
    diagnose(settings, prepare_interpreter(settings))


@cli.command("open")
def open_(host: _Host = None, port: _Port = None) -> None:
    """Open the playground of a running server in a browser, signed in with a key of its own."""
    from assistd.cli.browser import open_running  # noqa: PLC0415  see above

    open_running(_settings(host, port))


@cli.command()
def version() -> None:
    """Print the version."""
    out.print(__version__, highlight=False)


def _print_version(is_asked: bool) -> None:  # noqa: FBT001  typer calls it so
    if is_asked:
        version()
        raise typer.Exit


@cli.callback()
def take_options(
    *,
    _: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", is_eager=True, callback=_print_version
        ),
    ] = False,
) -> None:
    """Take the options that stand before a command."""


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


def _settings(host: str | None, port: int | None) -> Settings:
    given = {"host": host, "port": port}
    return load_settings(**{name: value for name, value in given.items() if value is not None})
