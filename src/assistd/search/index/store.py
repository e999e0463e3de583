"""What an index asks of the database it is kept in."""

import struct
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, overload

from assistd.extracted_text import ExtractedText
from assistd.search.sentences import Span

Vector = Sequence[float]
"""Of unit length."""

_SPAN = struct.Struct("<II")


@dataclass(frozen=True, slots=True)
class StoredText:
    """A text of a project.

    Args:
        id: never used for another text.
        key: as the engine names it.
        first_window: the id of its first window; the others follow without a gap.
        windows: how many it has.
    """

    id: int
    key: str
    first_window: int
    windows: int


class Found(NamedTuple):
    """A window that was found, and how near it is: its cosine, or its share of a query's keywords."""

    window: int
    text: int
    value: float


def pack_spans(spans: Sequence[Span]) -> bytes:
    """Return spans in the form that they are kept in."""
    return b"".join(_SPAN.pack(*span) for span in spans)


def cut_slice(windows: Sequence[tuple[int, str]], span: Span) -> str:
    """Return a part of a text from the windows that it touches: where each begins, and what it says."""
    start = windows[0][0] if windows else span.start
    return "".join(text for _, text in windows)[span.start - start : span.end - start]


class PackedSpans(Sequence[Span]):
    """What `pack_spans` packed: only those that are looked at are unpacked."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __len__(self) -> int:
        return len(self._data) // _SPAN.size

    @overload
    def __getitem__(self, at: int) -> Span: ...
    @overload
    def __getitem__(self, at: slice) -> "PackedSpans": ...
    def __getitem__(self, at: int | slice) -> "Span | PackedSpans":
        if isinstance(at, slice):
            return PackedSpans(pack_spans([self[each] for each in range(len(self))[at]]))
        return Span(*_SPAN.unpack_from(self._data, range(len(self))[at] * _SPAN.size))


class Store(Protocol):
    """Keeps the windows of each project's texts. All methods block, and may be called by any thread.

    What cannot be read any more is remade empty. Each method raises AssistdError where the database
    cannot be reached.
    """

    def find_texts(self, project_id: str, keys: Collection[str]) -> dict[str, StoredText]:
        """Return the texts of these keys that are there."""
        ...

    def add_text(
        self, project_id: str, key: str, text: ExtractedText, windows: Sequence[Span]
    ) -> None:
        """Add a text with its windows and their keywords; one that is there stays as it is."""
        ...

    def read_text(self, project_id: str, key: str) -> ExtractedText | None:
        """Return a text; None where it is not there."""
        ...

    def read_windows(self, project_id: str, first: int, count: int) -> list[str]:
        """Return the texts of windows with following ids."""
        ...

    def find_spans(self, project_id: str, windows: Collection[int]) -> dict[int, Span]:
        """Return where windows stand in their texts, by their ids."""
        ...

    def read_slices(self, project_id: str, parts: Sequence[tuple[StoredText, Span]]) -> list[str]:
        """Return parts of texts; an empty one where the text is not there."""
        ...

    def find_pages(
        self, project_id: str, positions: Sequence[tuple[StoredText, int]]
    ) -> list[int | None]:
        """Return the numbers of the pages that positions in texts are on; None where there are no pages."""
        ...

    def read_chunks(
        self, project_id: str, text: StoredText, tokens: int, overlap: int
    ) -> Sequence[Span] | None:
        """Return the chunks of a text, of so many tokens; None where they were never cut."""
        ...

    def add_chunks(
        self, project_id: str, text: StoredText, tokens: int, overlap: int, chunks: Sequence[Span]
    ) -> None:
        """Keep the chunks of a text, of so many tokens; those that are there stay."""
        ...

    def list_vectors(self, project_id: str, text: StoredText, model: str) -> set[int]:
        """Return the first windows of the batches of a text that have vectors of a model."""
        ...

    def add_vectors(
        self, project_id: str, text: StoredText, model: str, first: int, vectors: Sequence[Vector]
    ) -> None:
        """Keep the vectors of windows with following ids; those that are there stay."""
        ...

    def drop_other_vectors(self, project_id: str, text: StoredText, model: str) -> None:
        """Forget the vectors of a text that are of other models."""
        ...

    def find_near(
        self, project_id: str, model: str, query: Vector, texts: Collection[StoredText], limit: int
    ) -> list[Found]:
        """Return the windows of some texts whose vectors are nearest to a query's, with their cosines."""
        ...

    def measure(
        self, project_id: str, model: str, query: Vector, windows: Collection[int]
    ) -> dict[int, float]:
        """Return the cosines of windows, as far as they have vectors."""
        ...

    def find_matches(
        self, project_id: str, terms: Sequence[str], texts: Collection[StoredText], limit: int
    ) -> list[Found]:
        """Return the windows of some texts that match a query's terms best, with values from 0 to 1."""
        ...

    def retain(self, project_id: str, keys: Collection[str]) -> None:
        """Forget every other text."""
        ...

    def delete_project(self, project_id: str) -> None:
        """Forget all texts of a project."""
        ...

    def close(self) -> None:
        """Let go of all connections."""
        ...
