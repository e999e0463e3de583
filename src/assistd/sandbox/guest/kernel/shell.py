"""The IPython shell of a session: what a cell shows becomes frames, what needs a person is refused."""

# IPython lives in the interpreter environment, not in the server's, where types are checked.
# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUntypedBaseClass=false, reportUnknownArgumentType=false, reportUnknownParameterType=false

import contextlib
import re
import sys
import time
import traceback
import warnings
from ast import PyCF_ALLOW_TOP_LEVEL_AWAIT
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

from IPython.core.autocall import IPyAutocall
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.error import UsageError
from IPython.core.formatters import DisplayFormatter
from IPython.core.history import HistoryManager
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.macro import Macro
from traitlets import default
from traitlets.config import Config

from assistd.sandbox.guest import advice
from assistd.sandbox.guest.advice import programs
from assistd.sandbox.guest.advice.files import name_elsewhere
from assistd.sandbox.guest.kernel import figures, refusals, warned
from assistd.sandbox.guest.kernel.screen import (
    ALWAYS,
    MORE,
    Screen,
    draw_altair,
    draw_image,
    is_mute,
)
from assistd.sandbox.guest.shared import repair
from assistd.sandbox.guest.shared.constants import GUEST_FOLDER
from assistd.sandbox.guest.shared.wire import Kind

_KEPT_ENTRIES = 20  # of a traceback's head, and as many of its tail
# All that IPython reads otherwise than Python: magics, shell commands, help, prompts that were pasted.
_SPECIAL = re.compile(r"[%!?]|>>>|\.\.\.|In \[|\A\s|^\s*[,;/]", re.MULTILINE)
_CALL = re.compile(r"(\w+)\(")
_SAME_AGAIN = (
    "This is the same code that failed in the call before, and it failed again. "
    "Change it: the error above says what is wrong."
)


class _Publisher(DisplayPublisher):
    def publish(self, data: dict[str, Any], *_: object, **__: object) -> None:
        self.shell.screen.show(data)

    def clear_output(self, wait: bool = False) -> None:  # noqa: FBT001, FBT002  IPython's signature
        """Do nothing: what was shown stays in the logs."""


class _Hook(DisplayHook):
    def write_output_prompt(self) -> None:
        """Do nothing: logs have no prompts."""

    def compute_format_data(self, result: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what a value shows itself as; nothing for a figure that was shown and is as it was."""
        before = figures.recall(result)
        bundle, metadata = super().compute_format_data(result)
        return ({}, {}) if before and figures.recall(result) == before else (bundle, metadata)

    def write_format_data(self, format_dict: dict[str, Any], _: object = None) -> None:
        self.shell.screen.show(format_dict)

    def log_output(self, format_dict: dict[str, Any]) -> None:
        """Do nothing: a history of outputs would hold every picture in memory."""

    def finish_displayhook(self) -> None:
        self._is_active = False


class _Formatter(DisplayFormatter):
    def format(
        self, obj: Any, include: Any = None, exclude: Any = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what an object shows itself as; asked for more where all it has to say is its type."""
        bundle, metadata = super().format(obj, include, exclude)
        if is_mute(bundle):
            for mime in MORE:
                formatter = self.formatters[mime]
                formatter.enabled = True
                data = formatter(obj)
                formatter.enabled = False
                if isinstance(data, tuple):
                    data, metadata[mime] = data
                if data is not None:
                    bundle[mime] = data
        elif "image/png" in bundle:
            figures.remember(obj, bundle["image/png"])
        return bundle, metadata


class _History(HistoryManager):
    """Cells as `In` and `_i`; plain values, where IPython has traits that nobody observes."""

    _i = _ii = _iii = _i00 = ""


class Shell(InteractiveShell):
    """IPython without a terminal, a history file or a person in front of it."""

    display_pub_class = _Publisher
    displayhook_class = _Hook
    last_execution_succeeded = True  # plain values, as in `_History`
    last_execution_result = None

    def __init__(self, screen: Screen) -> None:
        config = Config()
        config.HistoryManager.enabled = False
        config.InteractiveShell.colors = "nocolor"
        self.screen = screen
        self._cell = ""  # the code that runs
        self._repairs = 0  # that would make it valid
        self._failed = ""  # the code of the last call, if that failed
        super().__init__(config=config)
        self._own_transformers = self._count_transformers()
        type(self)._instance = self  # noqa: SLF001  what InteractiveShell.instance() would do
        InteractiveShell._instance = self  # noqa: SLF001
        self.display_formatter.active_types = list(ALWAYS)
        figures.take_over()
        pictures = self.display_formatter.formatters["image/png"]
        pictures.for_type_by_name("altair.vegalite.v6.api", "TopLevelMixin", draw_altair)
        pictures.for_type_by_name("PIL.Image", "Image", draw_image)
        warned.take_over()
        refusals.install(self)
        self._first_names = dict(self.user_ns)
        self._elsewhere: dict[str, float] = {}

    @default("exiter")
    def _exiter_default(self) -> refusals.Exit:
        return refusals.Exit(self)

    def run_call(
        self, code: str, on_repaired: Callable[[int], None], *, is_call: bool
    ) -> BaseException | None:
        """Run a cell, one that is no Python but for a slip without the slip.

        Args:
            code: the cell.
            on_repaired: told which repairs were made, before the code runs with them.
            is_call: whether it counts in the history.

        Returns:
            The error that ended it; None where none did.
        """
        began = time.time()
        error = self._run_once(code, is_call=is_call)
        if repairs := self._repairs:
            self._forget_last_input()
            on_repaired(repairs)
            error = self._run_once(repair.apply(code, repairs), is_call=is_call)
        has_failed = isinstance(error, Exception)
        # Files come and go, and code may have replaced `os.stat`.
        with contextlib.suppress(Exception):
            if told := name_elsewhere(code, began, self._elsewhere):
                print(told, file=sys.stderr)  # noqa: T201
        if has_failed and code == self._failed:
            self.screen.text(_SAME_AGAIN, Kind.ERROR)
        self._failed = code if has_failed else ""
        return error

    def _run_once(self, code: str, *, is_call: bool) -> BaseException | None:
        self._cell, self._repairs = code, 0
        result = self.run_cell(code, store_history=is_call)
        return result.error_before_exec or result.error_in_exec

    def _forget_last_input(self) -> None:
        """Take the code that was no Python out of the history, which has the repaired code instead."""
        self.execution_count -= 1
        for inputs in (
            self.history_manager.input_hist_parsed,
            self.history_manager.input_hist_raw,
        ):
            del inputs[self.execution_count :]

    def _is_valid(self, code: str) -> bool:
        """Return whether IPython would compile a cell."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                cell = self.transform_cell(code)
                compile(cell, "<cell>", "exec", self.compile.flags | PyCF_ALLOW_TOP_LEVEL_AWAIT)
        except Exception:  # noqa: BLE001  whatever is raised, it would be again
            return False
        return True

    def system(self, command: str) -> None:
        """Run a shell command as a plain child process: there is no terminal to lend."""
        self.system_raw(command)
        code = self.user_ns.get("_exit_code")
        if isinstance(code, int) and code and (told := programs.advise_on_command(command, code)):
            print(told, file=sys.stderr)  # noqa: T201

    def debugger(self, force: bool = False) -> None:  # noqa: FBT001, FBT002  IPython's signature
        """Refuse `%debug` and `%pdb`, which have nobody to answer."""
        if force or self.call_pdb:
            raise UsageError(refusals.NO_DEBUGGER)

    def init_display_formatter(self) -> None:
        """Use ours."""
        self.display_formatter = _Formatter(parent=self)
        self.configurables.append(self.display_formatter)

    def init_history(self) -> None:
        """Use ours."""
        self.history_manager = _History(shell=self, parent=self)
        self.configurables.append(self.history_manager)

    def reset(self, new_session: bool = True, aggressive: bool = False) -> None:  # noqa: FBT001, FBT002
        """Forget what cells made, but no name that a new shell has: multiprocessing needs `__spec__`."""
        super().reset(new_session, aggressive)
        self._failed = ""
        for name, value in self._first_names.items():
            self.user_ns.setdefault(name, value)

    def transform_cell(self, raw_cell: str) -> str:
        """Return a cell as Python; what is Python already is not taken apart to find that out.

        Reading its tokens costs a new session 200 pages, and a long cell more time than it runs.
        """
        if self._is_plain(raw_cell):
            return raw_cell if raw_cell.endswith("\n") else f"{raw_cell}\n"
        return super().transform_cell(raw_cell)

    def _is_plain(self, code: str) -> bool:
        """Return whether nothing would be transformed; False where that is not obvious."""
        if _SPECIAL.search(code) or self._count_transformers() != self._own_transformers:
            return False
        if len(code.splitlines()) > 1:
            return True
        call = _CALL.match(code)  # else the line may be a magic without its sign
        if call is None or self.find_magic(call[1]) is not None:
            return False
        return not isinstance(self.user_ns.get(call[1]), (IPyAutocall, Macro))

    def _count_transformers(self) -> int:
        """Return how many IPython sends code through, beyond ours once code has added its own."""
        static, dynamic = self.input_transformer_manager, self.prefilter_manager
        return (
            len(static.cleanup_transforms)
            + len(static.line_transforms)
            + len(static.token_transformers)
            + len(self.input_transformers_post)
            + len(dynamic.transformers)
            + len(dynamic.checkers)
        )

    def should_run_async(
        self, raw_cell: str, *, transformed_cell: str | None = None, **options: Any
    ) -> bool:
        """Return whether a cell needs an event loop; compiled to find out only if a word in it says so."""
        if transformed_cell and "await" not in transformed_cell and "async" not in transformed_cell:
            return False
        return super().should_run_async(raw_cell, transformed_cell=transformed_cell, **options)

    def _tee(self, channel: str) -> contextlib.AbstractContextManager[None]:
        """Do nothing: IPython would keep a copy of all that is printed, for ever."""
        return contextlib.nullcontext()

    def enable_matplotlib(self, gui: str | None = None) -> Any:
        """Show figures as pictures, whichever window code asks for."""
        return super().enable_matplotlib("inline")

    def enable_gui(self, gui: str | None = None) -> None:
        """Do nothing: there is no display."""

    def showtraceback(self, exc_tuple: Any = None, *args: Any, **options: Any) -> None:
        """Show what went wrong in the code, and nothing of what runs it."""
        kind, error, trace = self._get_exc_info(exc_tuple)
        for one in _chain(error):
            _cut(one.__traceback__)
        advice.advise(error, self._cell)
        if isinstance(error, SystemExit):
            if not is_clean_exit(error):
                self.screen.text(f"SystemExit: {error.code}", Kind.ERROR)
        elif any(isinstance(one, BaseExceptionGroup) for one in _chain(error)):
            lines = traceback.format_exception(kind, error, _without_ours(trace))
            self.screen.text("".join(lines).rstrip("\n"), Kind.ERROR)
        else:
            super().showtraceback(exc_tuple, *args, **options)

    def showsyntaxerror(
        self,
        filename: str | None = None,
        running_compiled_code: bool = False,  # noqa: FBT001, FBT002  IPython's signature
    ) -> None:
        """Show why a cell is no Python, unless a repair makes it Python: then that is run presently."""
        if filename is None and not running_compiled_code:
            self._repairs = repair.find(self._cell, self._is_valid)
        if not self._repairs:
            super().showsyntaxerror(filename, running_compiled_code)

    def _showtraceback(self, _: object, __: object, lines: list[str]) -> None:
        self.screen.text(self.InteractiveTB.stb2text(lines), Kind.ERROR)


def is_clean_exit(error: BaseException | None) -> bool:
    """Return whether code ended itself in order: `sys.exit()`, `exit()`."""
    return isinstance(error, SystemExit) and (error.code is None or error.code == 0)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and those it came from; a ring, which code can tie, is opened."""
    seen: set[int] = set()
    while error is not None:
        yield error
        seen.add(id(error))
        origin = error.__cause__ or error.__context__
        if id(origin) in seen:
            error.__cause__ = error.__context__ = None
        error = error.__cause__ or error.__context__


def _cut(trace: TracebackType | None) -> None:
    """Cut from a traceback what is ours (`input`, a signal), and the middle of a very deep one."""
    entries: list[TracebackType] = []
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if entries and (file.startswith(GUEST_FOLDER) or file in refusals.DEBUGGERS):
            entries[-1].tb_next = None
            break
        entries.append(trace)
        trace = trace.tb_next
    if len(entries) > 2 * _KEPT_ENTRIES:  # formatting thousands takes many seconds
        entries[_KEPT_ENTRIES - 1].tb_next = entries[-_KEPT_ENTRIES]


def _without_ours(trace: TracebackType | None) -> TracebackType | None:
    """Return the traceback from the first frame of the cell on."""
    start = trace
    while start is not None and not start.tb_frame.f_code.co_filename.startswith("<ipython-input"):
        start = start.tb_next
    return start or (trace.tb_next if trace is not None else None)
