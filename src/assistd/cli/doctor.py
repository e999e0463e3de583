"""Shows what `doctor` found out about the jail of this host."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

import typer
from rich.table import Table

from assistd.cli.console import out
from assistd.sandbox.extraction import check
from assistd.sandbox.extraction.extractor import find_library
from assistd.sandbox.jails.doctor import Diagnosis, Finding, examine
from assistd.sandbox.zygote.lowerdir import lower_folders
from assistd.settings import Settings
from assistd.wiring.sandbox import limits, runsc
from assistd.wiring.search import describe_search


def diagnose(settings: Settings, python: Path) -> None:
    """Examine a live session, print what was found, and end the command.

    Args:
        settings: the settings.
        python: the interpreter of the interpreter environment.

    Raises:
        typer.Exit: always; 0 where `assistd serve` would start on this host, else 1.
    """
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
    _show(found)
    _show_documents(confined=settings.jail != "dangerously_unconfined")
    search, _ = describe_search(settings)
    out.print(search, highlight=False, markup=False, soft_wrap=True)
    raise typer.Exit(0 if found.sound else 1)


def _show(found: Diagnosis) -> None:
    out.print(f"jail: {found.jail or 'none'}", highlight=False)
    if found.findings:
        out.print(_wall_table(found.findings))
    for name, meaning in found.limitations:
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


def _show_documents(*, confined: bool) -> None:
    """Try to read a document, as vector stores do, and tell what came of it."""
    library = find_library()
    if library is None:
        return
    obstacle = asyncio.run(check.find_obstacle(confined=confined))
    if obstacle is not None:
        out.print(f"documents cannot be read: {obstacle}", style="red", markup=False)
        return
    out.print(f"documents are read by kreuzberg {library}, each by a process of its own")
    for name, meaning in check.LIMITATIONS.items():
        out.print(
            f"that process cannot be given: {name} ({meaning})", highlight=False, markup=False
        )


def _wall_table(findings: Iterable[Finding]) -> Table:
    table = Table("", "wall", "what it keeps", box=None, pad_edge=False)
    for one in findings:
        missing = "[red]missing[/]" if one.required else "[yellow]not here[/]"
        state = "[green]stands[/]" if one.stands else missing
        table.add_row(state, one.name, one.meaning)
    return table
