"""Print which files and functions of a tree one streamed run with code enters, and one `GET`.

    python tools/trace_run.py [--list] [TREE ...]

A tree is a checkout with a `.venv` and its interpreter environment; without one, this checkout is
measured. A real server of the tree and its real sandbox answer the official SDK; a scripted upstream
plays the model. Everything was entered once before (the warm-up) and all processes rest when a trip
begins, so imports and the start are not counted. A trip is made three times: what only some of them
entered was a timer's. `EXCLUDED` lists what does not count. The lines of a function run from `def` to
its end, with its docstring.
"""

import argparse
import ast
import fnmatch
import mmap
import os
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from openai import OpenAI

_HERE = Path(__file__).parent
sys.path.insert(0, str(_HERE.parent))
from tests.upstream import Upstream  # noqa: E402  of this checkout, whatever tree is measured

_KEY = "sk-trace"
_DESCRIPTOR = 199  # inherited under this number by the server, the zygote and its jail
_REST_SECONDS = 0.5
_RESTING = 0.03  # seconds of processor in that time
_TIMES = 3

# Below src/assistd, under the names of older trees and of newer ones.
EXCLUDED = {
    "HTTP transport": [
        "api/transport/*",
        "api/connection.py",
        "api/inbox.py",
        "api/zero_copy.py",
        "api/outbox.py",
        "api/asgi.py",
    ],
    "framework": [
        "api/framework/*",
        "api/binding.py",
        "api/dispatch.py",
        "api/json_body.py",
        "api/json_members.py",
        "api/validation.py",
    ],
    "jails": [
        "sandbox/jails.py",
        "sandbox/jails/*",
        "sandbox/gvisor.py",
        "sandbox/guest/jail.py",
        "sandbox/guest/session.py",
        "sandbox/guest/landlock.py",
        "sandbox/guest/hosted.py",
        "sandbox/guest/gvisor.py",
        "sandbox/guest/sentry.py",
        "sandbox/guest/unconfined.py",
        "sandbox/guest/walls/*",
    ],
    "walls": [
        "sandbox/walls.py",
        "sandbox/guest/overlay.py",
        "sandbox/guest/seccomp.py",
        "sandbox/guest/syscalls.py",
        "sandbox/guest/memory.py",
        "sandbox/guest/shared/syscalls.py",
        "sandbox/limits/*",
        "sandbox/beats.py",
        "sandbox/cgroups.py",
        "sandbox/freezer.py",
        "sandbox/memory.py",
        "sandbox/procfs.py",
        "sandbox/quota.py",
    ],
}


@dataclass(frozen=True, slots=True, order=True)
class Function:
    """A function of the tree: its file below src/assistd, first and last line there, and its name."""

    path: str
    first: int
    last: int
    name: str


def functions(package: Path) -> Generator[tuple[Function, int]]:
    """Yield every function below a package, with the line that its code object begins at."""
    for file in sorted(package.rglob("*.py")):
        path = str(file.relative_to(package))
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                begins = min([node.lineno, *(each.lineno for each in node.decorator_list)])
                yield Function(path, node.lineno, node.end_lineno or 0, node.name), begins


class Recording:
    """The functions of a tree, and which of them its processes entered while `recording`.

    Args:
        package: the tree's src/assistd.
    """

    def __init__(self, package: Path) -> None:
        self._package = package
        self._functions = list(functions(package))
        size = len(self._functions) + 1
        made = os.memfd_create("entered")
        os.dup2(made, _DESCRIPTOR, inheritable=True)
        os.close(made)
        os.truncate(_DESCRIPTOR, size)
        self._table = mmap.mmap(_DESCRIPTOR, size)

    def instrument(self, package: Path) -> None:
        """Have what a copy of the tree starts write into the table."""
        numbers: dict[str, dict[str, dict[tuple[str, int], int]]] = {}
        for number, (each, begins) in enumerate(self._functions, 1):
            of_base = numbers.setdefault(os.path.basename(each.path), {})
            of_base.setdefault(each.path, {})[each.name, begins] = number
        listed = {base: list(paths.items()) for base, paths in numbers.items()}
        table = f"DESCRIPTOR = {_DESCRIPTOR}\nSIZE = {len(self._table)}\nNUMBERS = {listed!r}\n"
        for folder in (package.parent, package / "sandbox/guest"):
            shutil.copy(_HERE / "trace_hook.py", folder)
            (folder / "trace_table.py").write_text(table)
        door = package / "sandbox/guest/__main__.py"
        # On the same line, so that the functions stay where they are.
        door.write_text(door.read_text().replace("import os\n", f"{_BY_GUEST}; import os\n", 1))

    @contextmanager
    def recording(self) -> Generator[None]:
        """Forget what was recorded before, and record."""
        self._table[:] = bytes(len(self._table))
        self._table[0] = 1
        yield
        self._table[0] = 0

    def find_entered(self) -> set[Function]:
        """Return the functions that were entered, without the excluded ones."""
        out = [pattern for patterns in EXCLUDED.values() for pattern in patterns]
        return {
            each
            for number, (each, _) in enumerate(self._functions, 1)
            if self._table[number] and not any(fnmatch.fnmatch(each.path, one) for one in out)
        }

    def file_lines(self, path: str) -> int:
        """Return how many lines a file has."""
        return len((self._package / path).read_text().splitlines())


_BY_GUEST = "import trace_hook; trace_hook.install()"
_BY_SERVER = (
    "import sys, trace_hook; trace_hook.install(); trace_hook.pass_on(); "
    "sys.argv[1:] = ['serve', '--port', '0']; from assistd.__main__ import main; main()"
)


@contextmanager
def serving(python: Path, source: Path, folder: Path, upstream: str) -> Generator[OpenAI]:
    """Run the server of an instrumented copy; the client of its one project."""
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("ASSISTD_", "OPENAI_"))}
    process = subprocess.Popen(
        [python, "-c", _BY_SERVER],
        env=kept
        | {
            "PYTHONPATH": str(source),
            "ASSISTD_DATA_DIR": str(folder / "data"),
            "ASSISTD_API_KEY": _KEY,
            "ASSISTD_UPSTREAM_BASE_URL": upstream,
        },
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        pass_fds=[_DESCRIPTOR],
    )
    try:
        assert process.stdout
        line = process.stdout.readline()
        if not line.startswith("assistd listens on "):
            raise SystemExit(f"the server of {source} did not start")
        yield OpenAI(base_url=line.split()[-1], api_key=_KEY, max_retries=0, timeout=60)
    finally:
        process.terminate()
        process.wait(30)


def await_rest() -> None:
    """Wait until the processes below this one compute no more."""
    before = -1.0
    while True:
        spent = 0.0
        for each in psutil.Process().children(recursive=True):
            try:
                spent += sum(each.cpu_times()[:2])
            except psutil.NoSuchProcess:
                continue
        if 0 <= spent - before < _RESTING:
            return
        before = spent
        time.sleep(_REST_SECONDS)


class Trips:
    """What is measured: each name, and what returns the part that is recorded.

    Args:
        client: of the server.
        upstream: whom that asks.
    """

    def __init__(self, client: OpenAI, upstream: Upstream) -> None:
        self._beta = client.beta
        self._upstream = upstream
        tools: Any = [{"type": "code_interpreter"}]
        self._assistant = self._beta.assistants.create(model="gpt-4o", tools=tools).id
        self.all = {
            "streamed run with code": lambda: self._run("print(6 * 7)", "It is 42."),
            "the same, its code writes a file": lambda: self._run(
                "open('/mnt/data/a.csv', 'w').write('a,b\\n1,2\\n')",
                "[Here](sandbox:/mnt/data/a.csv) it is.",
            ),
            "GET of one object": self._get,
        }

    def _thread(self) -> str:
        messages: Any = [{"role": "user", "content": "What is 6 times 7?"}]
        return self._beta.threads.create(messages=messages).id

    def _run(self, code: str, text: str) -> Callable[[], None]:
        self._upstream.code(code, text="I compute it.")
        self._upstream.say(*text.partition(" "))
        thread = self._thread()

        def run() -> None:
            with self._beta.threads.runs.stream(
                thread_id=thread, assistant_id=self._assistant
            ) as stream:
                *_, last = stream
            assert last.event == "thread.run.completed", last
            time.sleep(0.2)  # for what the server does behind the last frame

        return run

    def _get(self) -> Callable[[], None]:
        thread = self._thread()
        return lambda: self._beta.threads.retrieve(thread) and None


def show(name: str, recording: Recording, entered: set[Function], *, lists: bool) -> None:
    """Print what one trip entered."""
    by_file: dict[str, list[Function]] = {}
    for each in sorted(entered):
        by_file.setdefault(each.path, []).append(each)
    sizes = {
        path: len({line for each in found for line in range(each.first, each.last + 1)})
        for path, found in by_file.items()
    }
    lengths = {path: recording.file_lines(path) for path in by_file}
    largest = max(lengths, key=lambda path: lengths[path])
    print(
        f"  {name}: {len(by_file)} files, {len(entered)} functions, "
        f"{sum(sizes.values()):,} function lines in {sum(lengths.values()):,} file lines; "
        f"largest {largest}, {lengths[largest]}"
    )
    rooms: dict[str, list[int]] = {}
    for path, size in sizes.items():
        folder = os.path.dirname(path)
        room = "sandbox/guest" if folder.startswith("sandbox/guest") else folder.partition("/")[0]
        rooms.setdefault(room or "ground", []).append(size)
    print("    " + ", ".join(f"{room} {len(all_)}: {sum(all_)}" for room, all_ in rooms.items()))
    for path, found in by_file.items() if lists else ():
        print(f"    {path} ({sizes[path]}): {', '.join(each.name for each in found)}")


def trace(tree: Path, *, lists: bool) -> None:
    """Measure one tree and print its trips."""
    recording = Recording(tree / "src/assistd")
    with tempfile.TemporaryDirectory(prefix="trace-") as folder, Upstream() as upstream:
        source = Path(folder) / "src"
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(tree / "src", source, ignore=ignored, symlinks=True)
        recording.instrument(source / "assistd")
        python = tree / ".venv/bin/python"
        with serving(python, source, Path(folder), upstream.url) as client:
            trips = Trips(client, upstream)
            for prepare in trips.all.values():
                prepare()()
            for name, prepare in trips.all.items():
                made = [_make(prepare(), recording) for _ in range(_TIMES)]
                show(name, recording, set.intersection(*made), lists=lists)


def _make(trip: Callable[[], None], recording: Recording) -> set[Function]:
    """Make a trip from a state of rest, and return what it entered."""
    await_rest()
    with recording.recording():
        trip()
    return recording.find_entered()


def main() -> None:
    """Measure each tree that is named."""
    parser = argparse.ArgumentParser(description="Count the code on the path of a run.")
    parser.add_argument("--list", action="store_true", help="print the files and functions, too")
    parser.add_argument("trees", nargs="*", type=Path, default=[_HERE.parent], metavar="TREE")
    options = parser.parse_args()
    warnings.simplefilter("ignore", DeprecationWarning)  # the SDK's, of what we serve
    for tree in options.trees:
        print(tree.resolve().name)
        trace(tree.resolve(), lists=options.list)


if __name__ == "__main__":
    main()
