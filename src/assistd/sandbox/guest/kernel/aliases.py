"""Second names of files in /mnt/data: code opens them, but a listing shows a file once, under its own name.

The server links a name when code mentions it. A link is an entry of the folder like any other, so
Python's listings are told to leave it out: `os.listdir` and `os.scandir`, which `glob`, `os.walk`,
`pathlib` and `shutil` use. They are replaced when the first name is linked, and forked children have
them too; a program of its own still lists the link.
"""

import functools
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

Listing = Callable[..., Any]


class Aliases:
    """The names that the server linked in this session.

    Args:
        folder: /mnt/data, by the path that the kernel knows.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._names: set[str | bytes] = set()

    def hide(self, names: Iterable[str]) -> None:
        """Leave links of these names out of listings from now on."""
        if not self._names:
            os.listdir = self._filtered_names(os.listdir)
            os.scandir = self._filtered_entries(os.scandir)
            os.supports_fd |= {os.listdir, os.scandir}
        for name in names:
            self._names |= {name, os.fsencode(name)}

    def _filtered_names(self, listdir: Listing) -> Listing:
        @functools.wraps(listdir)
        def list_names(path: Any = ".") -> list[Any]:
            names = listdir(path)
            if self._names.isdisjoint(names) or not self._is_folder(path):
                return names
            return [name for name in names if not self._is_alias(name)]

        return list_names

    def _filtered_entries(self, scandir: Listing) -> Listing:
        @functools.wraps(scandir)
        def scan(path: Any = ".") -> Any:
            entries = scandir(path)
            return _Entries(entries, self._names) if self._is_folder(path) else entries

        return scan

    def _is_folder(self, path: Any) -> bool:
        try:
            return os.path.samestat(os.stat("." if path is None else path), os.stat(self._folder))
        except OSError:
            return False

    def _is_alias(self, name: str | bytes) -> bool:
        return name in self._names and os.path.islink(f"{self._folder}/{os.fsdecode(name)}")


class _Entries:
    """What `os.scandir` returns, without the links of some names."""

    def __init__(self, entries: Any, names: set[str | bytes]) -> None:
        self._entries = entries
        self._names = names

    def __iter__(self) -> Iterator[os.DirEntry[Any]]:
        return self

    def __next__(self) -> os.DirEntry[Any]:
        while True:
            entry = next(self._entries)
            if entry.name not in self._names or not entry.is_symlink():
                return entry

    def __enter__(self) -> "_Entries":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listing."""
        self._entries.close()
