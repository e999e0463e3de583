"""Variables of sessions as messages, made and read: every bound holds here, too, whoever sends them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO

from assistd.sandbox.remote.wire import sandbox_pb2 as pb
from assistd.sandbox.remote.wire.checking import BreachError
from assistd.sandbox.remote.wire.encoding import cut
from assistd.sandbox.snapshot import MOST_NAMES, SavedSession, Section, clean_reason, is_name

_SIZE_BYTES = 16


def encode_sections(saved: SavedSession) -> Iterator[pb.Sections]:
    """Yield what a session keeps, without its bytes, in parts."""
    for some in cut(saved.sections, lambda section: _measure(*section.names)):
        made = [pb.Section(names=each.names, size=each.size) for each in some]
        yield pb.Sections(sections=made, has_more=True)
    for left in cut(list(saved.left.items()), lambda item: _measure(*item)):
        yield pb.Sections(left=dict(left), has_more=True)
    yield pb.Sections(is_whole=saved.is_whole)


class Sections:
    """Takes variables of a session from the other end.

    Args:
        file: an empty file, where their bytes go.
        most_bytes: which they may have in all.
    """

    def __init__(self, file: BinaryIO, most_bytes: int) -> None:
        self._sections: list[Section] = []
        self._names: set[str] = set()
        self._left: dict[str, str] = {}
        self._is_whole: bool | None = None
        self._size = 0
        self._arrived = 0
        self._file = file
        self._most_bytes = most_bytes

    def add(self, sections: pb.Sections) -> None:
        """Take a part of their description.

        Raises:
            BreachError: it is beyond a bound, or comes after the last.
        """
        if self._is_whole is not None:
            raise BreachError("sections that nobody waits for")
        for each in sections.sections:
            self._add_section(tuple(each.names), each.size)
        for name, why in sections.left.items():
            self._left[_read_name(name)] = clean_reason(why)
        if len(self._names) + len(self._left) > MOST_NAMES:
            raise BreachError("more variables than a snapshot may hold")
        if not sections.has_more:
            self._is_whole = sections.is_whole

    def write(self, data: bytes) -> None:
        """Take some of their bytes.

        Raises:
            BreachError: there are more than the sections have, or it is too early.
        """
        self._arrived += len(data)
        if self._is_whole is None or not data or self._arrived > self._size:
            raise BreachError("bytes that belong to no section")
        self._file.write(data)

    def finish(self) -> SavedSession:
        """Return what came.

        Raises:
            BreachError: some of it did not come.
        """
        if self._is_whole is None or self._arrived != self._size:
            raise BreachError("a snapshot that broke off")
        self._file.flush()
        return SavedSession(tuple(self._sections), self._left, self._is_whole)

    def _add_section(self, names: tuple[str, ...], size: int) -> None:
        known = len(self._names)
        self._names.update(map(_read_name, names))
        if not names or len(self._names) != known + len(names):
            raise BreachError("a section without names, or a variable in two")
        self._sections.append(Section(names, self._size, size))
        self._size += size
        if self._size > self._most_bytes:
            raise BreachError("more bytes than a snapshot may have")


def read_lost(lost: Mapping[str, str], sections: Sequence[Section]) -> dict[str, str]:
    """Return which variables are not back, and why.

    Raises:
        BreachError: there are some that were not to be restored.
    """
    wanted = {name for section in sections for name in section.names}
    if not lost.keys() <= wanted:
        raise BreachError("variables that were not to be restored")
    return {name: clean_reason(why) for name, why in lost.items()}


def _read_name(name: str) -> str:
    if not is_name(name):
        raise BreachError("a name of a variable that is none")
    return name


def _measure(*texts: str) -> int:
    return _SIZE_BYTES + sum(len(text) * 4 for text in texts)
