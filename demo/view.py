"""What a person sees: panels that fill while the model writes; plain lines where no terminal is."""

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from rich.box import ROUNDED
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markdown import Markdown
from rich.markup import escape
from rich.padding import Padding
from rich.panel import Panel
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.rule import Rule
from rich.spinner import Spinner
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from demo.thumbnail import thumbnail

_MOST_LOG_LINES = 18
_HEAD_LINES = 8
_PLAIN_WIDTH = 120  # where no terminal says how wide it is


class View:
    """The story as it happens."""

    def __init__(self) -> None:
        width = None if sys.stdout.isatty() else _PLAIN_WIDTH
        self.console = Console(highlight=False, width=width)
        self._width = min(self.console.width, 100)
        self._lock = threading.Lock()  # the clock's thread prints too
        self._doing = ""
        self._since = 0.0
        self._code = ""
        self._answer = ""
        self._code_calls = 0
        self._code_began = 0.0

    def title(self, model: str) -> None:
        """Say what this is."""
        self.console.print()
        self.console.print(
            f"[bold]assistd[/]  the Assistants API and the Responses API with Code Interpreter, "
            f"on this machine\n"
            f"[dim]an unmodified openai SDK · the model {escape(model)} · Python in a sandbox[/]"
        )
        self.console.print()

    def door(self, api: str, calls: str) -> None:
        """Say through which API it goes on."""
        self.console.print()
        self.console.print(
            Rule(f"[bold cyan]{escape(api)}[/]  [dim]{escape(calls)}[/]", align="left")
        )

    def note(self, text: str) -> None:
        """One line that is done."""
        self.console.print(f"[green]✓[/] {escape(text)}", soft_wrap=True)

    def warn(self, text: str) -> None:
        """One thing that went wrong."""
        self.console.print(f"[yellow]![/] {escape(text)}", soft_wrap=True)

    @contextmanager
    def download(self, name: str) -> Generator[Callable[[int, int, str], None]]:
        """A progress bar, or a line for every tenth; tell it bytes here, in all, and from where."""
        if not self.console.is_terminal:
            yield _Tenths(self.console, name)
            return
        columns = (
            TextColumn("[cyan]↓[/] {task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self.console) as progress:
            task = progress.add_task(name, total=None)

            def tell(done: int, total: int, source: str) -> None:
                progress.update(task, completed=done, total=total, description=f"weights, {source}")

            yield tell

    def question(self, number: int, title: str, text: str, again: str) -> None:
        """What is asked now; `again` says so where it was asked before."""
        self.console.print()
        mark = f"  [yellow]{escape(again)}[/]" if again else ""
        self.console.print(Rule(f"[bold]{number} · {escape(title)}[/]{mark}", align="left"))
        self._show("you", Text(text), "blue")
        self._code_calls = 0

    @contextmanager
    def run(self) -> Generator[None]:
        """While the model and the sandbox work: what happens now, and for how long."""
        self.doing("the model reads the question")
        if not self.console.is_terminal:
            yield
            return
        stopped = threading.Event()
        with Live(
            console=self.console, get_renderable=self._now, auto_refresh=False, transient=True
        ) as live:
            clock = threading.Thread(target=self._refresh, args=(live, stopped))
            clock.start()
            try:
                yield
            finally:
                stopped.set()
                clock.join()

    def doing(self, what: str) -> None:
        """What is waited for."""
        self._doing, self._since = what, time.monotonic()

    def code_delta(self, code: str) -> None:
        """More of the code."""
        if not self._code:
            self._code_began = time.monotonic()
            self._doing = "the model writes Python"
        self._code += code

    def code_end(self) -> None:
        """The code is whole: it runs now."""
        if not self._code:
            return
        self._code_calls += 1
        again = f" · [yellow]retry {self._code_calls - 1}[/]" if self._code_calls > 1 else ""
        seconds = time.monotonic() - self._code_began
        code, self._code = self._code, ""
        self._show(f"python{again}", _highlight(code), "magenta", f"written in {seconds:.1f} s")
        self.doing("the sandbox runs it")

    def logs(self, text: str) -> None:
        """What the code printed, or the error that the model will read."""
        raised = "Traceback (most recent call last)" in text
        title = "it raised; the model reads this" if raised else "it printed"
        self._show(title, Text(_shorten(text)), "red" if raised else "green")
        self.doing("the model reads the output")

    def picture(self) -> None:
        """A picture came out of the code."""
        self._show("it showed", Text("a picture"), "green")
        self.doing("the model reads the output")

    def answer_delta(self, text: str) -> None:
        """More of the answer."""
        self._doing = "the model answers"
        self._answer += text

    def answer_end(self) -> None:
        """The answer is whole."""
        if self._answer:
            self._show("answer", Markdown(self._answer), "cyan")
        self._answer = ""

    def show_saved(self, what: str, path: Path) -> None:
        """A file is on the disk."""
        self.proof(f"{what} saved: {path}")

    def proof(self, text: str) -> None:
        """Something that was looked at and is so."""
        self.console.print(f"  [green]✓[/] {escape(text)}", soft_wrap=True)

    def thumbnail(self, png: bytes) -> None:
        """The picture itself, where the terminal has the colours for it."""
        if self.console.is_terminal and self.console.color_system in {"256", "truecolor"}:
            with contextlib.suppress(ValueError):  # a PNG of a rarer kind: it is on the disk
                self.console.print(thumbnail(png, min(72, self._width)), end="")

    def verdict(self, *, seconds: float, problem: str) -> None:
        """How the try ended."""
        if problem:
            self.warn(f"not yet, after {seconds:.1f} s: {problem}")
        else:
            self.proof(f"done in {seconds:.1f} s")

    def table(self, title: str, table: RenderableType) -> None:
        """Something to look up."""
        self.console.print()
        self.console.print(Rule(f"[bold]{escape(title)}[/]", align="left"))
        self.console.print(table)

    def _refresh(self, live: Live, stopped: threading.Event) -> None:
        """Move the clock; under the lock, or half of it would stand between printed lines."""
        while not stopped.wait(0.12):
            with self._lock:
                live.refresh()

    def _now(self) -> RenderableType:
        """The live part: what grows, cut to what the terminal can show, and the clock."""
        room = max(self.console.height - 8, 4)
        parts: list[RenderableType] = []
        if self._code:
            lines = self._code.splitlines()[-room:]
            parts.append(self._panel("python", _highlight("\n".join(lines)), "magenta"))
        if self._answer:
            parts.append(self._panel("answer", Markdown(self._answer[-2000:]), "cyan"))
        clock = f" {self._doing} · {time.monotonic() - self._since:.0f} s"
        parts.append(Spinner("dots", Text(clock, style="dim")))
        return Group(*parts)

    def _show(self, title: str, body: RenderableType, style: str, note: str = "") -> None:
        with self._lock:
            if self.console.is_terminal:
                self.console.print(self._panel(title, body, style, note))
            else:
                self.console.print(f"[{Text.from_markup(title).plain}]", markup=False)
                self.console.print(Padding(body, (0, 0, 0, 2)))

    def _panel(self, title: str, body: RenderableType, style: str, note: str = "") -> Panel:
        return Panel(
            body,
            title=f"[{style}]{title}[/]",
            title_align="left",
            subtitle=f"[dim]{note}[/]" if note else None,
            subtitle_align="right",
            border_style=style,
            box=ROUNDED,
            width=self._width,
        )


class _Tenths:
    """Tells of a download in lines, for logs."""

    def __init__(self, console: Console, name: str) -> None:
        self._console = console
        self._name = name
        self._told = ""

    def __call__(self, done: int, total: int, source: str) -> None:
        line = f"{self._name}: {done * 10 // total * 10} % ({source})"
        if line != self._told:
            self._console.print(line, markup=False, soft_wrap=True)
        self._told = line


def records_table() -> Table:
    """The columns of what the server keeps; rows are added by the caller."""
    table = Table(box=None, pad_edge=False, expand=True)
    table.add_column("of", no_wrap=True)
    table.add_column("type", no_wrap=True)
    table.add_column("code", no_wrap=True, overflow="ellipsis", ratio=3)
    table.add_column("outputs", no_wrap=True, overflow="ellipsis", ratio=2)
    return table


def results_table(results: list[tuple[str, str]]) -> Table:
    """One row per part of the story: its name, and its problem or nothing."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, problem in results:
        mark = "[red]✗[/]" if problem else "[green]✓[/]"
        table.add_row(mark, escape(name), escape(problem))
    return table


def _highlight(code: str) -> Syntax:
    return Syntax(code.rstrip(), "python", theme="ansi_dark", word_wrap=True)


def _shorten(text: str) -> str:
    """The head and the end of long output, where the error stands."""
    lines = text.rstrip().splitlines()
    if len(lines) <= _MOST_LOG_LINES:
        return "\n".join(lines)
    left_out = len(lines) - _MOST_LOG_LINES
    return "\n".join(
        [*lines[:_HEAD_LINES], f"… {left_out} lines …", *lines[_HEAD_LINES + left_out :]]
    )
