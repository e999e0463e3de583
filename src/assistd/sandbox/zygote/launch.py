"""The start of a zygote's outermost process, and what it is told first."""

import dataclasses
import json
import py_compile
import secrets
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

from assistd.errors import StartupError
from assistd.sandbox.base import Limits

_GUEST = Path(__file__).parents[1] / "guest"
PRELOAD = (
    "numpy",
    "pandas",
    "matplotlib",
    "matplotlib.pyplot",
    "matplotlib_inline.backend_inline",
    "PIL.Image",
    "PIL.PngImagePlugin",
    "IPython",
    "asyncio",
    "csv",
    "datetime",
    "json",
    "math",
    "random",
    "re",
    "statistics",
    "subprocess",
)
# Ids that no distribution hands out; each zygote takes its own stretch of 65,536.
FIRST_UID = 0x7000_0000
_UID_STRETCHES = 4096


def launch(python: Path, stage: str) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start the outermost process of a zygote, which does nothing until it is told what to do.

    Args:
        python: the interpreter of the interpreter environment.
        stage: the guest's module that builds the walls around the zygote.

    Returns:
        The process, and the server's end of the zygote channel.

    Raises:
        StartupError: it cannot be started; says why.
    """
    _compile_guest()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        try:
            process = subprocess.Popen(
                [python, "-I", "-B", _GUEST, stage, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=[theirs.fileno()],
                env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
                cwd="/",
                start_new_session=True,  # a Ctrl-C at the terminal is for the server
            )
        except OSError as error:
            ours.close()
            raise StartupError(f"the sandbox cannot start {python}: {error}") from error
    return process, ours


def first_messages(
    limits: Limits, lowers: Path | None, more: Mapping[str, Any], *, holds_sockets: bool
) -> tuple[bytes, bytes]:
    """Return what a zygote is told first: one message for its walls, one for itself.

    Args:
        limits: of each session.
        lowers: the zygote's folder for overlay lowerdirs; None where files are only copied.
        more: what else its walls are to know.
        holds_sockets: whether a control group of each session counts the memory of its sockets.
    """
    uid_base = FIRST_UID + secrets.randbelow(_UID_STRETCHES) * 65_536
    walls = {"uid_base": uid_base, "lowers": lowers and str(lowers), **more}
    zygote = {
        "limits": dataclasses.asdict(limits),
        "preload": PRELOAD,
        "holds_sockets": holds_sockets,
    }
    return json.dumps(walls).encode(), json.dumps(zygote).encode()


def _compile_guest() -> None:
    """Compile what only the guest imports, where nobody has: it cannot write what it compiles."""
    for source in _GUEST.rglob("*.py") if not sys.dont_write_bytecode else ():
        compiled = Path(cache_from_source(str(source)))
        with suppress(OSError):  # the package is another user's: then it is as slow
            if not compiled.exists() or compiled.stat().st_mtime < source.stat().st_mtime:
                py_compile.compile(str(source), doraise=True)
