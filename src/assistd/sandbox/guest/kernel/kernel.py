"""The kernel: runs the cells that the server sends, one at a time, and answers with what they show."""

# IPython lives in the interpreter environment, not in the server's, where types are checked.
# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import contextlib
import functools
import gc
import importlib
import io
import os
import random
import signal
import socket
import sys
from collections.abc import Generator, Iterator
from types import FrameType
from typing import Any

import shown_pictures

from assistd.sandbox.guest.kernel import chart_fonts, defaults, figures, markup, paths, snapshot
from assistd.sandbox.guest.kernel.aliases import Aliases
from assistd.sandbox.guest.kernel.output import Output, SectionSender
from assistd.sandbox.guest.kernel.screen import Screen
from assistd.sandbox.guest.kernel.shell import Shell, is_clean_exit
from assistd.sandbox.guest.kernel.writers import Writers
from assistd.sandbox.guest.shared import wire
from assistd.sandbox.guest.walls.namespaces_outer import DATA

# Run once before the first fork, so that sessions share what these paths import, cache and compile.
_WARM_UP = (
    "print(1)",
    "1 + 1",
    "_warm = {'a': [1, 2]}\n_warm",
    "import sys\nprint('x', file=sys.stderr)",
    "1 / 0",
    "this is no python",
    "!true",
    "%pwd",
    "import pandas as pd\npd.DataFrame({'a': [1, 2], 'b': ['x', 'y']})",
    "import pandas as pd\npd.DataFrame({'a': [1.5, 2]}).describe()",
    "import matplotlib.pyplot as plt\nplt.plot([1, 2, 3], label='a')\nplt.title('t')\nplt.legend()\nplt.show()",
    "import matplotlib.pyplot as plt\nplt.figure(figsize=(8, 5))\nplt.bar(['a', 'b'], [1, 2])",
)
# Python adapts code to what it meets by writing into it, which a session would do on pages of its own.
_ADAPTED_RUNS = 30


class Kernel:
    """One shell, made in the zygote, used by each session after its fork."""

    def __init__(self, limits: dict[str, Any]) -> None:
        sizes = (int(limits[name]) for name in ("output_bytes", "picture_bytes", "picture_pixels"))
        self._screen = Screen(*sizes)
        self._read = functools.partial(markup.read_file, most_bytes=int(limits["picture_bytes"]))
        self._shell = Shell(self._screen)
        self._running = False
        self._use_paths({})
        self._raised: dict[str, wire.Writing] = {}  # what the last cell was writing when it raised

    def prepare(self, modules: list[str]) -> None:
        """Import `modules`, as far as they are installed, and change in them what sessions find changed."""
        chart_fonts.link_list()
        for module in modules:
            with contextlib.suppress(ImportError):
                importlib.import_module(module)
        defaults.set_all()
        with contextlib.suppress(ImportError):
            chart_fonts.always_fall_back()
            chart_fonts.replace_pillows_default()
            figures.show_each_once()
        with contextlib.suppress(ImportError):
            importlib.import_module(
                "assistd.sandbox.guest.kernel.progress"
            ).draw_notebook_bars_as_text()
        self.reseed()

    def warm_up(self) -> Iterator[None]:
        """Run the usual paths once, step by step: sessions share what these import, cache and compile.

        After each step the shell is as it was before the first, so that a session may be forked.
        """
        with contextlib.suppress(ImportError):
            chart_fonts.load()
            chart_fonts.let_go()
        yield
        null = os.open("/dev/null", os.O_WRONLY | os.O_CLOEXEC)
        output = Output(null, "0" * wire.NONCE_BYTES, None)
        for cell in _WARM_UP:
            with self._muting(output, null):
                self._run(cell, output, 0, is_call=True)
            yield
        with self._muting(output, null):
            for _ in range(_ADAPTED_RUNS):
                chart_fonts.link_list()
                self._use_paths({})
                self._run(_WARM_UP[0], output, 0, is_call=True)
        os.close(null)
        yield

    @contextlib.contextmanager
    def _muting(self, output: Output, null: int) -> Generator[None]:
        """Run cells without a trace: nothing is shown, and nothing of them is left in the shell."""
        saved = [os.dup(descriptor) for descriptor in (1, 2)]
        interrupt = signal.getsignal(signal.SIGINT)
        for descriptor in (1, 2):
            os.dup2(null, descriptor)
        self._use(output)
        try:
            yield
        finally:
            sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
            for target, source in enumerate(saved, start=1):
                os.dup2(source, target)
                os.close(source)
            signal.signal(signal.SIGINT, interrupt)
            self._shell.reset(new_session=True)
            for name in ("last_type", "last_value", "last_traceback"):
                sys.__dict__.pop(name, None)
            self._raised = {}
            with contextlib.suppress(ImportError):
                chart_fonts.let_go()

    def reseed(self) -> None:
        """Draw new seeds: done after each fork, so that the next session shares none with this one."""
        random.seed()
        if "numpy" in sys.modules:
            sys.modules["numpy"].random.seed()

    def serve(
        self, control: socket.socket, pipe: int, nonce: str, path_map: dict[str, str]
    ) -> None:
        """Run what comes over `control` until the server hangs up.

        Args:
            control: the socket to the server.
            pipe: where output goes.
            nonce: what marks in the output carry.
            path_map: what stands for which path in the code, where no jail can show it there.
        """
        gc.freeze()  # what is there now is never garbage: the first collection finds nothing
        gc.enable()
        sys.path.append("")  # last, so that no file of a user takes a module's place
        if (process := sys.modules.get("multiprocessing.process")) is not None:
            # What processes that are spawned take the empty path for.
            process.ORIGINAL_DIR = os.getcwd()  # pyright: ignore[reportAttributeAccessIssue]
        chart_fonts.link_list()
        if path_map:
            paths.install(path_map)
        self._use_paths(path_map)
        output = Output(pipe, nonce, control)
        self._use(output)
        sys.__stdout__, sys.__stderr__ = output.stdout, output.stderr
        signal.signal(signal.SIGINT, self._on_interrupt)
        receiver = wire.Receiver(control)
        while (frame := receiver.receive()) is not None:
            kind, number, code = frame
            if kind is wire.Kind.LINKED:
                self._aliases.hide(wire.unpack_names(code))
                continue
            if kind is wire.Kind.FLUSH:
                files = wire.pack_open_files(self._flush_files() | self._raised)
                output.send(wire.Kind.OPEN_FILES, number, files)
                output.send(wire.Kind.DONE, number, b"ok")
                continue
            if kind is wire.Kind.SAVE:
                status = self._save(SectionSender(output, wire.unpack_size(code)))
                output.send(wire.Kind.DONE, number, status)
                continue
            if kind is wire.Kind.RESTORE:
                with receiver.open_bytes(wire.unpack_size(code)) as section:
                    why = self._restore(section)
                    section.skip()
                output.send(wire.Kind.RESTORED, number, why.encode("utf-8", "replace"))
                continue
            is_call = kind is wire.Kind.EXECUTE
            status = self._run(code.decode("utf-8", "replace"), output, number, is_call=is_call)
            output.send(wire.Kind.DONE, number, status)

    def _use_paths(self, path_map: dict[str, str]) -> None:
        """Look for open files, links and pictures where this session has them; see `serve`."""
        folder = path_map.get(DATA, DATA)
        self._writers = Writers(folder, alone=not path_map)
        self._aliases = Aliases(folder)
        self._left = shown_pictures.folder()

    def _use(self, output: Output) -> None:
        sys.stdout, sys.stderr = output.stdout, output.stderr
        self._screen.output = output

    def _run(self, code: str, output: Output, number: int, *, is_call: bool) -> bytes:
        """Run a cell, counted in the history if it is a call; return how it ended."""

        def tell_repairs(repairs: int) -> None:
            output.send(wire.Kind.REPAIRED, number, bytes((repairs,)))

        figures.forget()
        output.reopen()
        sys.stdout = output.stdout if sys.stdout.closed else sys.stdout
        sys.stderr = output.stderr if sys.stderr.closed else sys.stderr
        signal.signal(signal.SIGINT, self._on_interrupt)  # code may have put its own in place
        try:
            self._running = True
            error = self._shell.run_call(code, tell_repairs, is_call=is_call)
        except BaseException as escaped:  # noqa: BLE001  it must not end the kernel
            self._running = False
            error = escaped
            self._screen.text(type(escaped).__name__, wire.Kind.ERROR)
        self._running = False
        self._raised = {} if error is None else self._find_raised(error)
        if os.access(self._left, os.F_OK):
            for picture in shown_pictures.take(self._read):
                self._screen.show_file(picture)
        with contextlib.suppress(OSError, ValueError):
            output.flush()
        if error is None or is_clean_exit(error):
            return b"ok"
        return b"interrupted" if isinstance(error, KeyboardInterrupt) else b"error"

    def _find_raised(self, error: BaseException) -> dict[str, wire.Writing]:
        try:
            return self._writers.find_raised(error)
        except Exception:  # noqa: BLE001  paths may be hostile objects
            return {}

    def _flush_files(self) -> dict[str, wire.Writing]:
        """Flush what cells left open; an interrupt may end it, which must not end the kernel."""
        signal.signal(signal.SIGINT, self._on_interrupt)
        try:
            self._running = True
            return self._writers.flush()
        except BaseException:  # noqa: BLE001
            return {}
        finally:
            self._running = False

    def _save(self, sender: SectionSender) -> bytes:
        """Send what cells left in the namespace; return how that ended: an interrupt ends it early."""
        signal.signal(signal.SIGINT, self._on_interrupt)
        try:
            self._running = True
            shell = self._shell
            snapshot.save(shell.user_ns, shell.user_ns_hidden, sender)
        except BaseException:  # noqa: BLE001  objects of code may raise anything, and it must not end the kernel
            return b"interrupted"
        finally:
            self._running = False
        return b"ok"

    def _restore(self, section: wire.Bytes) -> str:
        """Put variables of an earlier session into the namespace; return why they are not there, or nothing."""
        signal.signal(signal.SIGINT, self._on_interrupt)
        gc.disable()  # what is loaded, and modules that are imported, are no garbage: a tenth of the time
        try:
            self._running = True
            buffered = io.BufferedReader(section, wire.PART_BYTES)
            error = snapshot.load(buffered, self._shell.user_ns)
            buffered.detach()
        except BaseException as raised:  # noqa: BLE001  see `_save`
            error = raised
        finally:
            self._running = False
            gc.enable()
        return "" if error is None else snapshot.explain(error)

    def _on_interrupt(self, _: int, __: FrameType | None) -> None:
        output = self._screen.output
        if self._running and output is not None:
            output.interrupt()
