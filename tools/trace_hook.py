"""Marks each function of ours that a process enters, for `trace_run`, in a table that processes share.

`trace_run` copies this file into the tree that it measures, twice: for the server and for the guest.
It imports the standard library only. A table of bytes outlives what the jail does to a session: its
descriptor is closed there and its file is out of sight, but what is mapped stays mapped.
"""

import mmap
import os
import subprocess
import sys
import threading
from types import CodeType, FrameType
from typing import Any

from trace_table import DESCRIPTOR, NUMBERS, SIZE  # written beside this file

_known: dict[CodeType, int] = {}


def _number(code: CodeType) -> int:
    """Return the place of a function in the table; 0 for code that is not ours, or no function."""
    _, ours, inside = code.co_filename.rpartition("/assistd/")  # in a jail, only a part of the path
    for path, functions in NUMBERS.get(os.path.basename(inside), ()) if ours else ():
        if path == inside or path.endswith(f"/{inside}"):
            return functions.get((code.co_name, code.co_firstlineno), 0)
    return 0


def install() -> None:
    """Record what this process and its children enter, each time the table's first byte is set."""
    table = mmap.mmap(DESCRIPTOR, SIZE)

    def record(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and table[0]:
            code = frame.f_code
            if code not in _known:
                _known[code] = _number(code)
            if _known[code]:
                table[_known[code]] = 1

    threading.setprofile(record)
    sys.setprofile(record)


def pass_on() -> None:
    """Have every isolated interpreter that this process starts inherit the table: the zygote."""
    start = subprocess.Popen.__init__

    def start_with_table(self: Any, args: Any, *rest: Any, **options: Any) -> None:
        if isinstance(args, list) and "-I" in args:
            options["pass_fds"] = [*options.get("pass_fds", ()), DESCRIPTOR]
        start(self, args, *rest, **options)

    subprocess.Popen.__init__ = start_with_table
