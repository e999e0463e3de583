"""The code that the conformance suite runs, and how a function plays each piece of it in memory."""

import asyncio
from collections.abc import Awaitable, Callable

from assistd.sandbox.base import Logs, Picture
from assistd.sandbox.fake import Cell

PNG = b"\x89PNG\r\n\x1a\n"

_PLAYS: dict[str, Callable[[Cell], Awaitable[None]]] = {}


async def play(cell: Cell) -> None:
    """Play any of the code below."""
    await _PLAYS[cell.code](cell)


def _cell(code: str, function: Callable[[Cell], object]) -> str:
    async def act(cell: Cell) -> None:
        made = function(cell)
        if asyncio.iscoroutine(made):
            await made

    _PLAYS[code] = act
    return code


def _raise(error: Exception) -> None:
    raise error


async def _sleep(cell: Cell) -> None:
    cell.print("began\n")
    await asyncio.sleep(60)


async def _ignore_interrupts(cell: Cell) -> None:
    cell.print("began\n")
    for _ in range(100):
        try:
            await asyncio.sleep(0.1)
        except asyncio.CancelledError:
            continue


async def _end(cell: Cell) -> None:
    cell.die()
    await asyncio.sleep(60)


def _show_picture(cell: Cell) -> None:
    cell.print("before\n")
    cell.show(Picture(PNG))
    cell.print("after\n")


def _rename(cell: Cell) -> None:
    cell.files["new.txt"] = cell.files.pop("old.txt")


REMEMBER = _cell("x = 41", lambda cell: cell.variables.update(x=41))
RECALL = _cell("print(x + 1)", lambda cell: cell.print(f"{int(str(cell.variables['x'])) + 1}\n"))
KEEP = _cell(
    "x = 41\ngen = (n for n in [1])\nlong = 'a' * 3_000_000\nNone",
    lambda cell: cell.variables.update(x=41, gen=object(), long="a" * 3_000_000),
)
FAIL = _cell("1/0", lambda _: _raise(ZeroDivisionError("division by zero")))
NOTHING = _cell("None", lambda _: None)
TWO_STREAMS = _cell(
    "import sys\nprint('a')\nprint('b', flush=True)\nprint('c', file=sys.stderr, flush=True)",
    lambda cell: [cell.print("a\n"), cell.print("b\n"), cell.show(Logs("c\n", "stderr"))],
)
PICTURE = _cell(
    "print('before')\n"
    "from PIL import Image\n"
    "from IPython.display import display\n"
    "display(Image.new('RGB', (2, 2)))\n"
    "print('after')",
    _show_picture,
)
SLEEP = _cell("import time\nprint('began', flush=True)\ntime.sleep(60)", _sleep)
IGNORE_INTERRUPTS = _cell(
    "import signal, time\n"
    "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    "print('began', flush=True)\n"
    "time.sleep(60)",
    _ignore_interrupts,
)
END = _cell("import os; os._exit(3)", _end)
WRITE = _cell(
    "open('a.txt', 'w').write('abc'); None", lambda cell: cell.files.update({"a.txt": b"abc"})
)
WRITE_BELOW = _cell(
    "import os\nos.makedirs('d/e')\nopen('d/e/b.txt', 'w').write('b'); None",
    lambda cell: cell.files.update({"d/e/b.txt": b"b"}),
)
REMOVE = _cell("import os; os.remove('a.txt')", lambda cell: cell.files.pop("a.txt"))
RENAME = _cell("import os; os.rename('old.txt', 'new.txt')", _rename)
GROW = _cell(
    "open('a.txt', 'a').write('def'); None", lambda cell: cell.files.update({"a.txt": b"abcdef"})
)
PRINT_PUT = _cell(
    "print(open('given.csv').read(), end='')",
    lambda cell: cell.print(cell.read("given.csv").decode()),
)
PRINT_ALIAS = _cell(
    "print(open('file-1').read(), end='')",
    lambda cell: cell.print(cell.read("file-1").decode()),
)
REMOVE_PUT = _cell("import os; os.remove('given.csv')", lambda cell: cell.files.pop("given.csv"))
PLANT = _cell(
    "import os; os.symlink('/etc/passwd', 'odd')", lambda cell: cell.files.update(odd=None)
)
