"""The commands `host`, which serves the sessions of this machine, and `hosts`, for an operator of several."""

import re
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from assistd import logs
from assistd.cli.console import cell, fail, load_settings, out, say, tell
from assistd.db.cluster import hosts
from assistd.hosting import Host, Joining
from assistd.settings import Settings
from assistd.wiring.storage import migrated_database

cli = typer.Typer(pretty_exceptions_enable=False)
hosts_cli = typer.Typer(help="Hosts: the machines that have the sessions.", no_args_is_help=True)
cli.add_typer(hosts_cli, name="hosts")

_COLUMNS = ("host", "state", "sessions", "free MiB", "last beat", "address")
_WITHOUT_PORTS = ("unix:", "unix-abstract:", "vsock:", "xds:")  # targets of gRPC
_LISTED = re.compile("ipv[46]:(.+)")
_NAMED = re.compile("(?:dns:(?://[^/]*/)?)?(.+)")
_REACHED = re.compile(r"(?:\[[^\[\]\s]+\]|[^\[\]:/,\s]+):(\d{1,5})")
_MOST_PORT = 65535


def require_ports(target: str) -> None:
    """See that each address where a host is to join has a port: gRPC would take that of HTTPS instead.

    Args:
        target: as gRPC has them: `ADDRESS:PORT`, or `ipv4:A:PORT,B:PORT`.

    Raises:
        SystemExit: one has none; the error on the terminal says which.
    """
    if target.startswith(_WITHOUT_PORTS):
        return
    listed, named = _LISTED.fullmatch(target), _NAMED.fullmatch(target)
    for each in listed[1].split(",") if listed else [named[1] if named else ""]:
        found = _REACHED.fullmatch(each)
        if not found or not 0 < int(found[1]) <= _MOST_PORT:
            wrong = f"{each!r} in --join is no ADDRESS:PORT" if each else "--join names no address"
            fail(
                f"{wrong}. Name where the API servers hear hosts (ASSISTD_HOSTS_LISTEN), such as "
                "10.0.0.1:8485, or several: ipv4:10.0.0.1:8485,10.0.0.4:8485."
            )


def run_joined_host(settings: Settings, python: Path, joining: Joining) -> None:
    """Serve sessions to processes of the API on other machines until a signal comes.

    Args:
        settings: the settings.
        python: the interpreter of the interpreter environment.
        joining: where they hear hosts, and how they reach this one.
    """
    try:
        from assistd.wiring.joined_host import serve_joined_host  # noqa: PLC0415  of the extra `hosts`
    except ImportError:
        fail("A sandbox host needs the extra `hosts`: pip install 'assistd[hosts]'.")
    logs.configure(settings.log_level, settings.log_format)
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)

    def greet(host_id: str, reached: str) -> None:
        out.print(
            f"assistd host {host_id} listens on {reached}, and joins {joining.api}",
            highlight=False,
            soft_wrap=True,
        )

    uvloop.run(serve_joined_host(settings, python, joining, greet))


def run_host(settings: Settings, python: Path, path: Path | None, numbers: int | None) -> None:
    """Serve sessions on a unix socket until a signal comes.

    Args:
        settings: the settings.
        python: the interpreter of the interpreter environment.
        path: of the socket; None for that of the settings, or one in the data folder.
        numbers: the descriptor where a supervisor reads what is counted, if there is one.
    """
    try:
        from assistd.wiring.host import serve_host  # noqa: PLC0415  of the extra `hosts`
    except ImportError:
        fail("A sandbox host needs the extra `hosts`: pip install 'assistd[hosts]'.")
    logs.configure(settings.log_level, settings.log_format)
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = (
        path or settings.sandbox_socket or settings.data_dir / "host" / "sandbox.sock"
    ).absolute()

    def greet() -> None:
        out.print(f"assistd host listens on {found}", highlight=False, soft_wrap=True)

    uvloop.run(serve_host(settings, python, found, greet, numbers))


@hosts_cli.command("list")
def hosts_list() -> None:
    """List every host; those that are silent are forgotten after an hour."""
    settings = load_settings()
    with migrated_database(settings) as database:
        found = database.run_sync(hosts.list_all)
    if not found:
        say("No host has joined this server's database.")
        if settings.hosts_listen is None:
            say(
                "ASSISTD_HOSTS_LISTEN is not set here: run this command with the settings of the server "
                "that hosts join."
            )
        return
    rows = [_COLUMNS, *(_describe(each) for each in found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:  # a line each, whole, on a narrow terminal too
        line = "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True))
        tell(line.rstrip())


@hosts_cli.command("drain")
def hosts_drain(
    host: Annotated[str, typer.Argument(metavar="HOST", help="A host's id, from `hosts list`.")],
    *,
    minutes: Annotated[
        float, typer.Option(min=0, help="After so many its last sessions are closed.")
    ] = 10,
    undo: Annotated[bool, typer.Option("--undo", help="Give it new sessions again.")] = False,
) -> None:
    """Empty a host: it gets no new sessions, calls that run finish, and the next runs go elsewhere."""
    with migrated_database(load_settings()) as database:
        database.run_sync(hosts.drain, host, None if undo else minutes * 60)
    if undo:
        tell(f"{host} gets new sessions again.")
    else:
        tell(f"{host} gets no new sessions; those that are left in {minutes:g} minutes are closed.")


def _describe(host: Host) -> tuple[str, ...]:
    """Return the cells of a host, in the order of `_COLUMNS`."""
    return (
        cell(host.id).plain,
        f"{host.state}, on probation" if host.is_on_probation else host.state,
        f"{host.sessions} of {host.most}",
        f"{host.mib_free} of {host.mib_total}",
        f"{host.silent_seconds:.1f} s ago",
        cell(host.address).plain,
    )
