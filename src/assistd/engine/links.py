"""Finds `sandbox:/mnt/data/...` links in text that streams, and names the files they lead to."""

from collections.abc import Mapping
from dataclasses import dataclass

from assistd.objects.message import FilePath, FileReference

PREFIX = "sandbox:/mnt/data/"


@dataclass(frozen=True, slots=True)
class Piece:
    """Text that may be sent on, with the annotation whose link it completes, if it does."""

    text: str
    annotation: FilePath | None = None


class LinkFinder:
    """Splits streamed text so that each link travels in one piece with its annotation (section 6.4).

    Only links to files that exist are annotated (trap 16), so the known paths themselves say where a
    link ends: names with blanks, brackets or any script need no quoting rules. Text is held back only
    while it may still become a link. Indices count code points (trap 15).

    Args:
        paths: the files that exist: path below /mnt/data -> file id; read at every call.
    """

    def __init__(self, paths: Mapping[str, str]) -> None:
        self._paths = paths
        self._held = ""
        self._sent = 0

    def feed(self, text: str) -> list[Piece]:
        """The pieces that `text` sets free."""
        self._held += text
        return self._split(ended=False)

    def end(self) -> list[Piece]:
        """The rest, when no more text comes."""
        return self._split(ended=True)

    def _split(self, *, ended: bool) -> list[Piece]:
        pieces: list[Piece] = []
        searched = 0
        while (start := self._held.find(PREFIX, searched)) >= 0:
            path = self._path_at(start + len(PREFIX), ended=ended)
            if path is None:
                self._release(pieces, start)
                return pieces
            if not path:
                searched = start + len(PREFIX)
                continue
            self._release(pieces, start)
            pieces.append(self._link(PREFIX + path))
            searched = 0
        self._release(pieces, len(self._held) if ended else self._safe(searched))
        return pieces

    def _path_at(self, start: int, *, ended: bool) -> str | None:
        """The known path that stands at `start`, "" where none does, None where more text must decide."""
        rest = self._held[start:]
        found = ""
        for path in self._paths:
            if not ended and path.startswith(rest):
                return None  # this path may still come, whole or longer than what is here
            if rest.startswith(path) and len(path) > len(found):
                found = path
        if found and not ended and len(rest) <= len(found) + 1:
            return None  # the next characters tell `a.csv)` from `a.csv.gz`
        return found if _ends_name(rest[len(found) :]) else ""

    def _safe(self, start: int) -> int:
        """How much of the held text cannot be the beginning of a link."""
        for length in range(min(len(PREFIX) - 1, len(self._held) - start), 0, -1):
            if self._held.endswith(PREFIX[:length]):
                return len(self._held) - length
        return len(self._held)

    def _release(self, pieces: list[Piece], length: int) -> None:
        if length:
            pieces.append(Piece(self._take(length)))

    def _link(self, text: str) -> Piece:
        start = self._sent
        self._take(len(text))
        annotation = FilePath(
            text=text,
            start_index=start,
            end_index=self._sent,
            file_path=FileReference(file_id=self._paths[text.removeprefix(PREFIX)]),
        )
        return Piece(text, annotation)

    def _take(self, length: int) -> str:
        taken, self._held = self._held[:length], self._held[length:]
        self._sent += length
        return taken


def _ends_name(rest: str) -> bool:
    """Whether a file name may end before `rest`: a full stop may close a sentence, not a name."""
    if rest[:1] == ".":
        return not rest[1:2].isalnum()
    return not (rest[:1].isalnum() or rest[:1] in {"_", "-", "/"})
