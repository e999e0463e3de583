"""Paths that mean another folder than they say: /mnt/data and /tmp where no mount can show them there.

Python's own calls are told, and the words of commands that it starts; a library that opens files by
itself is not. This is no wall: what code may open is decided by the kernel.
"""

# IPython lives in the interpreter environment, not in the server's, where types are checked.
# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false

import builtins
import functools
import importlib
import io
import os
import posix
import re
import subprocess
from collections.abc import Callable
from typing import Any

from IPython.core import interactiveshell

from assistd.sandbox.guest.shared.constants import GUEST_FOLDER
from assistd.sandbox.guest.walls import namespaces_outer

_CALLS = (
    "access", "chdir", "chmod", "chown", "getxattr", "link", "listdir", "listxattr", "lstat", "mkdir",
    "mkfifo", "open", "readlink", "remove", "removexattr", "rename", "replace", "rmdir", "scandir",
    "setxattr", "stat", "statvfs", "symlink", "truncate", "unlink", "utime",
)  # fmt: skip
_TWO_PATHS = {"link", "rename", "replace", "symlink"}
_KEYWORDS = ("path", "src", "dst", "file", "database")
_CWD = 4  # the position of the working folder among the arguments of `fork_exec`

Call = Callable[..., Any]
_access = posix.access


def install(path_map: dict[str, str]) -> None:
    """Let the paths that `path_map` names mean the folders it gives, in this process, for good."""
    mapping = _Mapping(path_map)
    able = (
        os.supports_dir_fd,
        os.supports_fd,
        os.supports_follow_symlinks,
        os.supports_effective_ids,
    )
    for name in _CALLS:
        call = getattr(posix, name) if name != "access" else _access_by_rights_in_force
        told = mapping.telling(call, 2 if name in _TWO_PATHS else 1)
        for calls in able:
            if call in calls:
                calls.add(told)
        setattr(posix, name, told)
        setattr(os, name, told)
    for name in ("getcwd", "getcwdb"):
        setattr(os, name, mapping.undoing(getattr(posix, name)))
    io.open = builtins.open = mapping.telling(io.open, 1)
    interactiveshell.io_open = io.open  # what `open` is in a cell
    database = importlib.import_module("sqlite3")  # a module of code's, not of the server's
    database.connect = mapping.telling(database.connect, 1)  # type: ignore[attr-defined]
    os.system = mapping.rewording(os.system)  # pyright: ignore[reportDeprecated]
    # Every command that is started passes here, whatever its caller.
    subprocess._fork_exec = mapping.starting(subprocess._fork_exec)  # type: ignore[attr-defined]  # noqa: SLF001


def _access_by_rights_in_force(path: Any, mode: int, **named: Any) -> bool:
    """Call `access`, which else leaves out the capability that lets a session pass closed folders."""
    return _access(path, mode, **{"effective_ids": True, **named})


class _Mapping:
    def __init__(self, path_map: dict[str, str]) -> None:
        self._path_map = path_map
        here = os.path.dirname(os.path.dirname(next(iter(path_map.values()))))
        shown = {here, GUEST_FOLDER, *namespaces_outer.readable_folders()}
        as_they_are = shown | {*map(os.path.realpath, shown)}
        self._as_they_are = tuple(f"{one}/" for one in as_they_are)
        self._shown = re.compile(rf"(?:{'|'.join(map(re.escape, as_they_are))})(?![\w.-])")
        words = "|".join(re.escape(path) for path in path_map)
        self._words = re.compile(rf"(?<![\w./-])(?:{words})(?![\w.-])")

    def telling(self, call: Call, count: int) -> Call:
        """`call`, whose first `count` arguments are paths, for paths as code knows them."""

        @functools.wraps(call)
        def tell(*given: Any, **named: Any) -> Any:
            meant = (*(self._real(one) for one in given[:count]), *given[count:])
            for key in _KEYWORDS:
                if key in named:
                    named[key] = self._real(named[key])
            try:
                return call(*meant, **named)
            except OSError as error:
                error.filename = self._as_code_knows(error.filename)
                raise

        return tell

    def undoing(self, call: Call) -> Call:
        """`call`, which returns a path, to return it as code knows it."""
        return functools.wraps(call)(lambda: self._as_code_knows(call()))

    def rewording(self, call: Call) -> Call:
        """`call`, whose argument is a command for a shell."""

        @functools.wraps(call)
        def reword(command: Any) -> Any:
            return call(self._reword(command))

        return reword

    def starting(self, call: Call) -> Call:
        """`call`, whose arguments are those of `fork_exec`."""

        def start(words: list[Any], *rest: Any) -> Any:
            others = list(rest)
            others[_CWD - 1] = self._real(others[_CWD - 1])
            return call([self._reword(word) for word in words], *others)

        return start

    def _real(self, path: Any) -> Any:
        try:
            text = os.fsdecode(path)
        except TypeError:
            return path  # a descriptor, or what the call itself will refuse
        if f"{text}/".startswith(self._as_they_are):
            return path
        for shown, folder in self._path_map.items():
            if text == shown or text.startswith(f"{shown}/"):
                real = folder + text[len(shown) :]
                return os.fsencode(real) if isinstance(os.fspath(path), bytes) else real
        return path

    def _as_code_knows(self, path: Any) -> Any:
        if not isinstance(path, str | bytes):
            return path
        text = os.fsdecode(path)
        for shown, folder in self._path_map.items():
            if text == folder or text.startswith(f"{folder}/"):
                said = shown + text[len(folder) :]
                return os.fsencode(said) if isinstance(path, bytes) else said
        return path

    def _reword(self, words: Any) -> Any:
        """Return a command with the paths in it; those below what every session may read stay as they are."""
        if not isinstance(words, str | bytes):
            return words
        text = os.fsdecode(words)

        def say(found: re.Match[str]) -> str:
            is_shown = self._shown.match(text, found.start())
            return found.group() if is_shown else self._path_map[found.group()]

        said = self._words.sub(say, text)
        return words if said == text else os.fsencode(said) if isinstance(words, bytes) else said
