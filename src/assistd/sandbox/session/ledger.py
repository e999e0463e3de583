"""Remembers what a session's /mnt/data held, so that each call is told what it changed and no other's."""

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Set

from assistd.quoting import quote_path
from assistd.sandbox.base import Changes, DataFile
from assistd.sandbox.guest.shared.wire import Writing
from assistd.sandbox.session.file_formats import Wholeness
from assistd.sandbox.session.scan import MOST_DEPTH, MOST_ENTRIES, Found

_Fingerprint = tuple[int, int, int, int]  # inode, size, mtime, ctime (ns)

_MOST_NAMED = 10
_MOST_NAME = 200
_BLOCK_BYTES = 512  # of `st_blocks`, see stat(2)
_BESIDE = ("-journal", "-wal", "-shm")  # what SQLite keeps beside a database that is open
_TOO_MUCH = (
    f"What is deeper than {MOST_DEPTH} folders in /mnt/data, or beyond {MOST_ENTRIES} entries, "
    "was not given to the user"
)


class Ledger:
    """The plain files of a data folder as they were last told or put there.

    Args:
        judge: what the format of the file at a path says of it.
        is_gone: whether there is no plain file at a path.
    """

    def __init__(self, judge: Callable[[str], Wholeness], is_gone: Callable[[str], bool]) -> None:
        self._judge = judge
        self._is_gone = is_gone
        self._seen: dict[str, _Fingerprint] = {}
        self._told: Set[object] = set()  # what the model knows already of what is not kept
        self._lower_device = -1  # of linked files; unknown until there is one

    def note_linked(self, path: str, status: os.stat_result) -> None:
        """Take a stored file that the server linked as known."""
        self._lower_device = status.st_dev
        self.note(path, status)

    def note(self, path: str, status: os.stat_result) -> None:
        """Take a file that the server wrote as known."""
        self._seen[path] = self._fingerprint(status)

    def forget(self, path: str) -> None:
        """Take a file that the server removed as known to be gone."""
        self._seen.pop(path, None)

    def differs(self, found: Found, aliases: Collection[str]) -> bool:
        """Return whether there is anything to say of what is there now."""
        seen = self._seen
        if len(found.files) != len(seen) or found.is_cut:
            return True
        if any(seen.get(path) != self._fingerprint(one) for path, one in found.files.items()):
            return True
        return any(
            (path, kind) not in self._told
            for path, kind in found.others.items()
            if path not in aliases
        )

    def compare(
        self,
        found: Found,
        writing: Mapping[str, Writing],
        aliases: Collection[str],
        *,
        failed: bool,
    ) -> Changes:
        """Return what changed since the last time; from now on it is known.

        What code has not finished is named and stays unknown, so that it comes with the call that
        finishes it. What a failed call broke off is named, too, and comes when it changes again.

        Args:
            found: what is there now.
            writing: path -> how far it is, of files that code has open.
            aliases: names of our own links.
            failed: whether the call failed.
        """
        seen = self._seen
        marks = {path: self._fingerprint(status) for path, status in found.files.items()}
        news = {path for path, mark in marks.items() if seen.get(path) != mark}
        unfinished = dict(self._find_unfinished(found, news, writing))
        broken = dict(self._find_broken(found, news - unfinished.keys(), writing)) if failed else {}
        vanished = seen.keys() - marks.keys()
        removed = {path for path in vanished if self._is_gone(path)}
        known = {path: seen[path] for path in (vanished - removed) | (unfinished.keys() & seen)}
        self._seen = {path: marks[path] for path in marks.keys() - unfinished} | known
        odd = {path: kind for path, kind in found.others.items() if path not in aliases}
        return Changes(
            files=tuple(
                _describe(path, found.files[path])
                for path in sorted(news - unfinished.keys() - broken.keys())
            ),
            removed=tuple(sorted(removed)),
            notes=tuple(self._compose_notes(marks, unfinished, broken, odd, is_cut=found.is_cut)),
        )

    def _find_unfinished(
        self, found: Found, news: Set[str], writing: Mapping[str, Writing]
    ) -> Iterator[tuple[str, str]]:
        """Yield changed files that code still writes, and what there is to say of each."""
        for path, state in writing.items():
            if state is Writing.RAISED:
                continue
            if path in news:
                size = found.files[path].st_size
                if size == 0:
                    yield path, "is empty: close it"
                elif state is Writing.FAILED:
                    yield path, "could not be written to its end: there may be no room left"
                elif not self._is_finished(path, state, found):
                    yield path, "is not finished: close it"
            elif path not in found.files and state is Writing.HELD and self._is_gone(path):
                yield path, "is not written yet: close it"

    def _is_finished(self, path: str, state: Writing, found: Found) -> bool:
        """Return whether an open file can be given away; of one that Python cannot flush, its format must say so."""
        journal = found.files.get(f"{path}-journal")
        if journal and journal.st_size:
            return False
        wholeness = self._judge(path)
        if state is Writing.HELD:
            return wholeness is Wholeness.WHOLE
        return wholeness in {Wholeness.WHOLE, Wholeness.UNKNOWN}

    def _find_broken(
        self, found: Found, news: Set[str], writing: Mapping[str, Writing]
    ) -> Iterator[tuple[str, str]]:
        """Yield files that a failed call left as nobody wants them, and what there is to say of each."""
        for path in news:
            if found.files[path].st_size == 0:
                yield path, "is empty"
            elif writing.get(path) is Writing.RAISED:
                yield path, "was being written when the error came"
            elif self._judge(path) is Wholeness.CUT_OFF:
                yield path, "is cut off"

    def _compose_notes(
        self,
        marks: Mapping[str, _Fingerprint],
        unfinished: Mapping[str, str],
        broken: Mapping[str, str],
        odd: Mapping[str, str],
        *,
        is_cut: bool,
    ) -> Iterator[str]:
        """Yield sentences for the model; what it was told of a state once is not said again."""
        states: dict[object, str] = {
            (path, marks.get(path)): _say(path, words)
            for path, words in sorted(unfinished.items())
            if not path.endswith(_BESIDE)
        }
        kinds: dict[object, str] = {
            (path, kind): _say(path, f"is {kind}") for path, kind in sorted(odd.items())
        }
        if news := [text for key, text in states.items() if key not in self._told]:
            yield f"Not given to the user yet: {_join(news)}"
        if broken:
            texts = [_say(path, words) for path, words in sorted(broken.items())]
            yield f"Not given to the user, for the call failed: {_join(texts)}"
        if news := [text for key, text in kinds.items() if key not in self._told]:
            yield f"Not given to the user, for only plain files are: {_join(news)}"
        if is_cut and _TOO_MUCH not in self._told:
            yield _TOO_MUCH
        self._told = states.keys() | kinds.keys() | ({_TOO_MUCH} if is_cut else set())

    def _fingerprint(self, status: os.stat_result) -> _Fingerprint:
        """Return what tells one state of a file from the next.

        A file that is still the linked one cannot have changed, though its times move with each link.
        """
        if status.st_dev == self._lower_device:
            return (status.st_ino, status.st_size, 0, 0)
        return (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _describe(path: str, status: os.stat_result) -> DataFile:
    return DataFile(
        path,
        status.st_size,
        is_sparse=status.st_blocks * _BLOCK_BYTES < status.st_size,
        inode=(status.st_dev, status.st_ino) if status.st_nlink > 1 else None,
    )


def _say(path: str, words: str) -> str:
    name = path if len(path) <= _MOST_NAME else f"{path[:_MOST_NAME]}..."
    return f"{quote_path(name)} {words}"


def _join(texts: list[str]) -> str:
    more = len(texts) - _MOST_NAMED
    return "; ".join(texts[:_MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")
