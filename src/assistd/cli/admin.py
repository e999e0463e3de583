"""The commands of an operator who serves several tenants: `keys`, `projects` and `usage`."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer
from rich.table import Table

from assistd import clock, ids
from assistd.cli.console import cell, fail, format_utc, load_settings, out, say, tell
from assistd.db import keys, projects, sessions
from assistd.db.database import Database
from assistd.hosting import TIERS
from assistd.metering import meter
from assistd.objects.metered_session import MeteredSession
from assistd.objects.project import Project
from assistd.units import MIB
from assistd.wiring.storage import migrated_database, project_limits, session_prices

cli = typer.Typer(pretty_exceptions_enable=False)
keys_cli = typer.Typer(help="API keys: who may come in.", no_args_is_help=True)
projects_cli = typer.Typer(
    help="Projects: tenants that see nothing of each other.", no_args_is_help=True
)

cli.add_typer(keys_cli, name="keys")
cli.add_typer(projects_cli, name="projects")

_Which = Annotated[str, typer.Argument(metavar="PROJECT", help="A project's id or name.")]
_OfProject = Annotated[
    str | None,
    typer.Option("--project", metavar="PROJECT", help="A project's id or name."),
]


@keys_cli.command("create")
def keys_create(
    project: _OfProject = None,
    name: Annotated[str, typer.Option(help="What the key is for.")] = "",
    admin: Annotated[  # noqa: FBT002  a flag of the command line
        bool, typer.Option("--admin", help="Open the organization's usage and costs instead.")
    ] = False,
) -> None:
    """Make a key and print it, this once; without --project it opens the default project."""
    if admin and project:
        fail("An admin key opens the organization: leave out --project, or --admin.")
    key = ids.new_admin_key() if admin else ids.new_api_key()
    with migrated_database(load_settings()) as database:
        owner = None if admin else _find(database, project)
        made = database.run_sync(keys.create, key, name, owner and owner.id)
    opens = f"project {owner.name}" if owner else "organization"
    say(f"{made.id} opens the {opens}; shown this once:")
    out.print(key, highlight=False, soft_wrap=True)


@keys_cli.command("list")
def keys_list() -> None:
    """List every key; the keys themselves are stored nowhere."""
    with migrated_database(load_settings()) as database:
        names = {each.id: each.name for each in database.run_sync(projects.all_of)}
        found = database.run_sync(keys.all_of)
    table = _table("key", "opens", "name", "made (UTC)", "revoked (UTC)")
    for each in found:
        opens = "organization" if each.project_id is None else names[each.project_id]
        table.add_row(
            each.id,
            cell(opens),
            cell(each.name),
            format_utc(each.created_at),
            _when(each.revoked_at),
        )
    out.print(table)


@keys_cli.command("revoke")
def keys_revoke(key: Annotated[str, typer.Argument(help="A key's id, from `keys list`.")]) -> None:
    """Let a key open nothing any more; servers notice within seconds."""
    with migrated_database(load_settings()) as database:
        database.run_sync(keys.revoke, key)
    tell(f"{key} opens nothing any more.")


@projects_cli.command("create")
def projects_create(name: Annotated[str, typer.Argument(help="What people call it.")]) -> None:
    """Make a project; then make a key for it."""
    with migrated_database(load_settings()) as database:
        if any(each.name == name for each in database.run_sync(projects.all_of)):
            fail(f"There is a project {name} already; choose another name.")
        project = database.run_sync(projects.create, name)
    tell(f"{project.id} {name}")


@projects_cli.command("list")
def projects_list() -> None:
    """List every project, how much it keeps, and the limits that hold for it."""
    settings = load_settings()
    table = _table("project", "name", "stored", "requests/min", "runs", "sessions", "memory")
    with migrated_database(settings) as database:
        for each in database.run_sync(projects.all_of):
            stored = database.run_sync(projects.storage_bytes, each.id)
            limits = each.limits.over(project_limits(settings))
            room = "" if limits.storage_bytes is None else f" of {_mib(limits.storage_bytes)}"
            memory = limits.memory_gib
            table.add_row(
                each.id,
                cell(f"{each.name} (archived)" if each.archived_at else each.name),
                f"{_mib(stored)}{room}",
                *(_limit(number) for number in (limits.requests, limits.runs, limits.sessions)),
                f"{memory} GiB" if memory else f"{settings.memory_mib} MiB",
            )
    out.print(table)


@projects_cli.command("limit")
def projects_limit(
    project: _Which,
    *,
    requests: Annotated[
        int | None, typer.Option(min=0, help="Requests per minute, over all server processes.")
    ] = None,
    runs: Annotated[int | None, typer.Option(min=0, help="Active runs at once.")] = None,
    sessions: Annotated[int | None, typer.Option(min=0, help="Live sessions at once.")] = None,
    storage_mib: Annotated[int | None, typer.Option(min=0, help="Size of all files.")] = None,
    memory_gib: Annotated[
        int | None, typer.Option(min=0, help="Memory of a session: 1, 4, 16 or 64.")
    ] = None,
    keep_variables: Annotated[
        bool | None, typer.Option(help="Whether variables outlive the planned end of a session.")
    ] = None,
) -> None:
    """Limit what a project may use; 0 takes a limit away, and the one in the settings holds again."""
    if memory_gib not in {None, 0, *TIERS}:
        fail("The memory of a session is 1, 4, 16 or 64 GiB.")
    given = {
        "requests": requests,
        "runs": runs,
        "sessions": sessions,
        "storage_bytes": None if storage_mib is None else storage_mib * MIB,
        "memory_gib": memory_gib,
    }
    changes: dict[str, object] = {
        name: number or None for name, number in given.items() if number is not None
    }
    if keep_variables is not None:
        changes["keep_variables"] = keep_variables
    with migrated_database(load_settings()) as database:
        found = _find(database, project)
        limits = found.limits.evolve(**changes)
        database.run_sync(projects.replace, found.evolve(limits=limits))
    shown = ", ".join(f"{name} {number}" for name, number in limits if number is not None)
    tell(f"{found.name}: {shown or 'no limits of its own'}")


@projects_cli.command("archive")
def projects_archive(project: _Which) -> None:
    """Close a project: its keys open nothing any more, what it keeps stays."""
    with migrated_database(load_settings()) as database:
        found = _find(database, project)
        archived = found.evolve(archived_at=found.archived_at or clock.seconds())
        database.run_sync(projects.replace, archived)
    tell(f"{found.name} is archived.")


@cli.command()
def usage(
    project: _OfProject = None,
    days: Annotated[int, typer.Option(min=1, help="This day and those before it, in UTC.")] = 31,
    each: Annotated[  # noqa: FBT002  a flag of the command line
        bool, typer.Option("--sessions", help="Every session by itself, free ones too.")
    ] = False,
) -> None:
    """Show the code interpreter sessions that were metered, and what they cost."""
    settings = load_settings()
    day, now = meter.SECONDS["1d"], clock.seconds()
    edges = meter.cut_edges((now // day + 1 - days) * day, now + 1, day, days)
    with migrated_database(settings) as database:
        owners = [_find(database, project).id] if project else None
        span = sessions.Span(edges[0], edges[-1], owners)
        names = {found.id: found.name for found in database.run_sync(projects.all_of)}
        counts = database.run_sync(sessions.counts, span, day)
        opened = database.run_sync(sessions.of, span)
    prices = session_prices(settings)
    if each:
        table = _session_table(opened, names, prices)
    else:
        costs = meter.fill_with_costs(edges, day, counts, ("project_id",), prices)
        table = _day_table(edges, costs, names)
    if table.row_count:
        out.print(table)
    total = sum(count.sessions for count in counts)
    dollars = sum(count.sessions * prices[count.memory_gib] for count in counts)
    noun = "session" if total == 1 else "sessions"
    out.print(f"{total} {noun} metered, ${dollars:.2f}", highlight=False)


def _day_table(
    edges: Sequence[int],
    costs: Sequence[Mapping[tuple[str | int | None, ...], meter.Cost]],
    names: dict[str, str],
) -> Table:
    table = _table("day (UTC)", "project", "sessions", "cost")
    for start, bucket in zip(edges, costs, strict=False):  # the last edge begins no bucket
        for (owner,), cost in bucket.items():
            day, name = format_utc(start)[:10], names[str(owner)]
            table.add_row(day, cell(name), str(cost.sessions), f"${cost.dollars:.2f}")
    return table


def _session_table(
    opened: list[MeteredSession], names: dict[str, str], prices: Mapping[int, float]
) -> Table:
    table = _table("session", "thread", "project", "opened (UTC)", "closed (UTC)", "cost")
    for each in opened:
        closed = "live" if each.closed_at is None else format_utc(each.closed_at)
        cost = f"${prices[each.memory_gib]:.2f}" if each.billed else "-"
        name = names[each.project_id]
        table.add_row(each.id, each.thread_id, cell(name), format_utc(each.opened_at), closed, cost)
    return table


def _table(*heads: str) -> Table:
    """Make an empty table; its first two columns, such as an id and a name, are never cut."""
    table = Table(box=None, pad_edge=False)
    for head in heads:
        table.add_column(head, overflow="fold", no_wrap=head in heads[:2])
    return table


def _find(database: Database, project: str | None) -> Project:
    """Return the project of an id or a name; the default one where neither is given."""
    if project is None:
        return database.run_sync(projects.default)
    named = [each for each in database.run_sync(projects.all_of) if project in {each.id, each.name}]
    if named:
        return named[0]
    return fail(f"There is no project {project}; see `assistd projects list`.")


def _when(seconds: int | None) -> str:
    return "-" if seconds is None else format_utc(seconds)


def _limit(number: int | None) -> str:
    return "-" if number is None else str(number)


def _mib(size: int) -> str:
    return f"{round(size / MIB, 1):g} MiB"
