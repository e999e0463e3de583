"""The command line: parse, load settings, call `app`; everything a person sees on a terminal."""

import asyncio
import importlib
import socket
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistd import __version__, logs
from assistd.collector import uncollected
from assistd.rooms import Assets, limits, runsc, session_pool
from assistd.sandbox import additions, environment
from assistd.sandbox.base import Execution, Logs, Output, Picture
from assistd.sandbox.lower import lower_folders
from assistd.settings import Settings
from assistd.terminal import err, fail, load_settings, or_exit, out, readable, say, tell

# What only some commands need is imported by them: it is time before the first output of all others.
if TYPE_CHECKING:
    from rich.table import Table

    from assistd.sandbox.doctor import Finding

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


@cli.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
) -> None:
    """Serve the API until stopped."""
    import uvloop  # noqa: PLC0415  see above

    given = {"host": host, "port": port}
    settings = load_settings(**{name: value for name, value in given.items() if value is not None})
    assets = _assets(settings, model=True)
    listener = _listen(settings)
    uvloop.run(_serve(settings, assets, listener))


@cli.command("exec")
def execute(
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
    assets = _assets(settings, model=False)
    if json_lines:
        asyncio.run(_speak_lines(settings, assets))
        return
    if code is None:
        fail("Nothing to run: give Python as an argument, `-` to read it, or --json.")
    source = sys.stdin.read() if code == "-" else code
    execution = asyncio.run(_execute(settings, assets, source, seconds))
    pictures = [each for each in execution.outputs if isinstance(each, Picture)]
    for number, picture in enumerate(pictures, 1):
        path = Path(f"picture-{number}.png")
        path.write_bytes(picture.data)
        say(f"picture saved: {path}")
    for note in execution.notes:
        say(note)
    raise typer.Exit(0 if execution.status == "ok" else 1)


@cli.command()
def doctor() -> None:
    """Examine a live session: which walls stand around it on this host, and which do not."""
    from assistd.sandbox.doctor import examine  # noqa: PLC0415  see above

    settings = load_settings()
    python = _assets(settings, model=False).python
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with lower_folders(settings.data_dir / "sessions") as lowers:
        examination = examine(
            python,
            limits=limits(settings),
            jail=settings.jail,
            lowers=lowers,
            runsc=runsc(settings),
        )
        found = asyncio.run(examination)
    out.print(f"jail: {found.jail or 'none'}", highlight=False)
    if found.findings:
        out.print(_wall_table(found.findings))
    for name, meaning in found.lacks:
        out.print(f"this jail cannot give: {name} ({meaning})", highlight=False, markup=False)
    for name, reason in found.others:
        can = "this host could run it too" if reason is None else f"not on this host: {reason}"
        out.print(f"jail {name}: {can}", highlight=False, markup=False)
    for line in filter(None, (found.failure, *found.remedies)):
        out.print(line, style="red", highlight=False, markup=False)
    out.print(
        "Sessions are isolated." if found.sound else "assistd serve does not start on this host.",
        highlight=False,
    )
    raise typer.Exit(0 if found.sound else 1)


def _wall_table(findings: Iterable["Finding"]) -> "Table":
    from rich.table import Table  # noqa: PLC0415  see above

    table = Table("", "wall", "what it keeps", box=None, pad_edge=False)
    for one in findings:
        missing = "[red]missing[/]" if one.required else "[yellow]not here[/]"
        state = "[green]stands[/]" if one.stands else missing
        table.add_row(state, one.name, one.meaning)
    return table


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
    built = or_exit(lambda: _build(settings))
    out.print(str(built.path), highlight=False)


@env_cli.command("list")
def env_list() -> None:
    """List the packages of the interpreter environment with their versions."""
    settings = load_settings()
    found = or_exit(lambda: environment.find(settings.cache_dir, added=settings.packages_file))
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
    with additions.extended(settings.packages_file, names):
        built = _build(settings)
    out.print(str(built.path), highlight=False)


@model_cli.command("fetch")
def model_fetch() -> None:
    """Fetch the weights of the built-in model, if they are not here yet."""
    path = _weights(load_settings())
    out.print(str(path or "no built-in model is set"), highlight=False)


def main() -> None:
    """The entry point; errors that were foreseen are one line, not a traceback."""
    or_exit(cli)


def _pass_on(context: typer.Context) -> None:
    """Hand a command with its arguments to `tenants`."""
    from assistd import tenants  # noqa: PLC0415  as in `serve`

    tenants.cli([str(context.info_name), *context.args], prog_name="assistd")


async def _serve(settings: Settings, assets: Assets, listener: socket.socket) -> None:
    """Start the sandbox, and import the server meanwhile, which takes as long; then serve."""
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    url = f"http://{_shown_host(settings.host)}:{listener.getsockname()[1]}/v1"
    with lower_folders(settings.data_dir / "sessions") as lowers:
        async with session_pool(settings, assets.python, lowers) as pool:
            await asyncio.to_thread(_import_server, settings)
            from assistd import app  # noqa: PLC0415  imported by now

            await asyncio.to_thread(app.prepare, settings)
            await app.serve(
                settings, assets, pool, listener, lambda: _greet(url, app.first_key(settings))
            )


def _import_server(settings: Settings) -> None:
    with uncollected():
        logs.configure(settings.log_level)
        importlib.import_module("assistd.app")


async def _execute(
    settings: Settings, assets: Assets, code: str, seconds: float | None
) -> Execution:
    async with session_pool(settings, assets.python) as pool:
        await pool.start()
        claim = await pool.claim("exec")
        return await claim.session.execute(code, seconds=seconds, on_output=_show)


async def _speak_lines(settings: Settings, assets: Assets) -> None:
    from assistd.lines import LineService, stdin_lines  # noqa: PLC0415  see above

    async with session_pool(settings, assets.python) as pool:
        await pool.start()
        await LineService(pool).serve(stdin_lines(), lambda line: print(line, flush=True))  # noqa: T201


def _show(output: Output) -> None:
    if isinstance(output, Logs):
        stream = sys.stderr if output.name in {"stderr", "error"} else sys.stdout
        stream.write(readable(output.text, stream))
        stream.flush()


def _assets(settings: Settings, *, model: bool) -> Assets:
    """What must be here before the start, fetched or built with progress shown."""
    built = or_exit(lambda: _build(settings))
    wanted = model and settings.upstream_base_url is None
    return Assets(built.python, _weights(settings) if wanted else None)


def _build(settings: Settings) -> environment.Environment:
    """The interpreter environment, with what the operator added; built if it does not stand yet."""
    return environment.build(settings.cache_dir, added=settings.packages_file, report=say)


def _weights(settings: Settings) -> Path | None:
    if settings.local_model == "none":
        return None
    from rich.progress import (  # noqa: PLC0415  see above
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TransferSpeedColumn,
    )

    from assistd.models import weights  # noqa: PLC0415  see above

    pinned = weights.PINNED[settings.local_model]
    if here := weights.find(pinned, settings.cache_dir):
        return here
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=err) as progress:
        task = progress.add_task(pinned.file, total=pinned.bytes)

        def told(done: int, total: int, source: str) -> None:
            progress.update(
                task, completed=done, total=total, description=f"{pinned.file} from {source}"
            )

        return or_exit(lambda: weights.fetch(pinned, settings.cache_dir, progress=told))


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        fail(
            f"Cannot listen on {settings.host}:{settings.port}: {error.strerror}. "
            "Choose another with --port, or --port 0 for a free one."
        )
    # Accepted connections inherit it; without it an answer's body waits for a delayed ACK, 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _shown_host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _greet(url: str, key: str | None) -> None:
    out.print(f"assistd listens on {url}", highlight=False, soft_wrap=True)
    if key:
        out.print(f"Your API key, shown this once: {key}", highlight=False, soft_wrap=True)
        out.print(
            f"Point a program at it:  OPENAI_BASE_URL={url} OPENAI_API_KEY={key}",
            highlight=False,
            soft_wrap=True,
        )
