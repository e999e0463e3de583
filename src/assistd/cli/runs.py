"""Shows an operator where the time of a run went."""

from typing import Annotated

import typer
from rich.table import Table

from assistd.cli.console import fail, load_settings, out
from assistd.db import nouns
from assistd.db.own import timelines
from assistd.objects.timeline import KeptTimeline
from assistd.wiring.storage import migrated_database

_BAR = 40  # characters

cli = typer.Typer(pretty_exceptions_enable=False)
runs_cli = typer.Typer(help="Runs: where their time went.", no_args_is_help=True)
cli.add_typer(runs_cli, name="runs")


@runs_cli.callback()
def runs() -> None:
    """Runs: where their time went."""


@runs_cli.command()
def show(
    run: Annotated[str, typer.Argument(metavar="RUN_ID", help="The id of a run or a response.")],
) -> None:
    """Show where the time of a run or a response went, in milliseconds since it began."""
    with migrated_database(load_settings()) as database:
        is_run = not run.startswith("resp_")
        noun = nouns.runs if is_run else nouns.responses
        status = database.run_sync(noun.get, run).status
        body = database.run_sync(
            timelines.find_of_run if is_run else timelines.find_of_response, run
        )
    if body is None:
        fail(
            f"{run} is {status}, and no timeline is kept of it: it is written at the end of a run."
        )
    timeline = KeptTimeline.model_validate_json(body)
    out.print(_make_table(timeline))
    out.print(_sum_up(timeline, status), highlight=False)


def _make_table(timeline: KeptTimeline) -> Table:
    table = Table(box=None, pad_edge=False)
    for head in ("turn", "span", "start", "took", "", ""):
        is_number = head in {"turn", "start", "took"}
        table.add_column(head, justify="right" if is_number else "left", no_wrap=True)
    total = max((each.end or each.start for each in timeline.spans), default=0) or 1
    for each in timeline.spans:
        end = total if each.end is None else each.end
        before, length = (round(_BAR * part / total) for part in (each.start, end - each.start))
        name = f"{each.name} {each.tool}" if each.tool else each.name
        table.add_row(
            str(each.turn or ""),
            name,
            f"{each.start:.1f}",
            f"{end - each.start:.1f}",
            f"{' ' * before}{'█' * length or '▏'}",
            each.outcome or "",
        )
    return table


def _sum_up(timeline: KeptTimeline, status: str) -> str:
    prompt = sum(each.prompt_tokens for each in timeline.turns)
    completion = sum(each.completion_tokens for each in timeline.turns)
    turns = len(timeline.turns)
    noun = "answer" if turns == 1 else "answers"
    return f"{status}; {turns} {noun} of the model, {prompt} tokens in, {completion} out"
