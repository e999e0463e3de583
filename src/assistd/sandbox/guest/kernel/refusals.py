"""What needs a person or the internet is refused with words that say what to do instead."""

# IPython lives in the interpreter environment, not in the server's, where types are checked.
# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUntypedBaseClass=false, reportPrivateUsage=false

import builtins
import getpass
import os
import sys
from typing import Any, NoReturn

from IPython.core.autocall import ExitAutocall

from assistd.sandbox.guest.advice import modules

_LIBRARY = os.path.dirname(os.__file__)
DEBUGGERS = tuple(f"{_LIBRARY}/{name}.py" for name in ("pdb", "bdb", "cmd"))
"""Files of Python's debugger, through which a refusal may come."""

_INSTALLERS = ("pip", "conda", "mamba", "micromamba", "uv")
NO_DEBUGGER = (
    "A debugger is not available here: nobody can type its commands. Print the values you need."
)


class Exit(ExitAutocall):
    """`exit` and `quit`: end the cell as `sys.exit` does, not the session."""

    def __call__(self, code: object = None) -> NoReturn:
        """End the cell; `code` as for `sys.exit`."""
        raise SystemExit(code)


def install(shell: Any) -> None:
    """Refuse input, debuggers and installers in the cells of a shell."""
    builtins.input = _refuse_input
    getpass.getpass = _refuse_input
    sys.breakpointhook = _refuse_debugger
    for name in _INSTALLERS:
        shell.register_magic_function(_refuse_install, "line", name)


def _refuse_input(*_: object, **__: object) -> NoReturn:
    sys.stdout.flush()
    if sys._getframe(1).f_code.co_filename in DEBUGGERS:  # noqa: SLF001
        _refuse_debugger()
    raise RuntimeError(
        "input() is not available here: nobody can type an answer. Put the value into the code."
    )


def _refuse_debugger(*_: object, **__: object) -> NoReturn:
    """Say that nobody sits in front of a debugger."""
    raise RuntimeError(NO_DEBUGGER)


def _refuse_install(line: str) -> None:
    """Say what is there instead of `%pip install ...`; nothing is raised, for the rest of the cell may well run."""
    print(modules.advise_on_install(line.split()))  # noqa: T201
