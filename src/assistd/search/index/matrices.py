"""Vectors of projects in memory, searched exactly: every one is compared."""

import importlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from assistd.search.index.store import Found, Vector

_SMALL_PART = 0.25  # of a matrix; less is copied out before it is multiplied
_FEWEST_ROWS = 1024


class Batch(NamedTuple):
    """Vectors as they are kept: of windows with following ids, as float16."""

    seq: int
    text: int
    first_window: int
    windows: int
    data: bytes


class Progress(NamedTuple):
    """How far a project's vectors are.

    Args:
        generation: another number after each deletion, and in a file that was made anew.
        seq: of the last batch, whatever its model.
    """

    generation: int
    seq: int


class Matrix:
    """Vectors as rows, with the window and the text of each. It never changes.

    Args:
        seq: of the last batch in it.
        count: how many rows are in use; behind them is room for more.
        vectors: float32, of unit length.
        windows: their ids.
        texts: the ids of their texts.
    """

    def __init__(self, seq: int, count: int, vectors: Any, windows: Any, texts: Any) -> None:
        self.seq = seq
        self._count = count
        self._vectors = vectors
        self._windows = windows
        self._texts = texts

    @property
    def bytes(self) -> int:
        """How much memory it takes."""
        return self._vectors.nbytes + self._windows.nbytes + self._texts.nbytes

    def append(self, batches: Sequence[Batch]) -> "Matrix":
        """Return a matrix with more rows, which has the memory of this one where there is room."""
        np = _numpy()
        count = self._count + sum(batch.windows for batch in batches)
        vectors, windows, texts = self._vectors, self._windows, self._texts
        if count > len(windows):
            room = max(count + count // 4, _FEWEST_ROWS)
            vectors, windows, texts = (
                _enlarge(each, self._count, room) for each in (vectors, windows, texts)
            )
        at = self._count
        for batch in batches:
            end = at + batch.windows
            vectors[at:end] = np.frombuffer(batch.data, np.float16).reshape(batch.windows, -1)
            windows[at:end] = np.arange(batch.first_window, batch.first_window + batch.windows)
            texts[at:end] = batch.text
            at = end
        return Matrix(batches[-1].seq, count, vectors, windows, texts)

    def find_near(self, query: Vector, texts: Collection[int], limit: int) -> list[Found]:
        """Return the rows of some texts that are nearest to a query, the nearest first."""
        np = _numpy()
        allowed = np.fromiter(texts, np.int64, len(texts))
        rows = np.flatnonzero(np.isin(self._texts[: self._count], allowed))
        wanted = np.asarray(query, np.float32)
        # Not `@`: its second thread only spins, since the scan waits for memory.
        if len(rows) < _SMALL_PART * self._count:
            cosines = np.vecdot(self._vectors[rows], wanted)
        else:
            cosines = np.vecdot(self._vectors[: self._count], wanted)[rows]
        best = np.argpartition(-cosines, limit)[:limit] if len(cosines) > limit else slice(None)
        rows, cosines = rows[best], cosines[best]
        found = zip(
            self._windows[rows].tolist(), self._texts[rows].tolist(), cosines.tolist(), strict=True
        )
        return sorted((Found(*each) for each in found), key=lambda each: -each.value)

    def measure(self, query: Vector, windows: Collection[int]) -> dict[int, float]:
        """Return the cosines of those of the windows that have a row."""
        np = _numpy()
        wanted = np.fromiter(windows, np.int64, len(windows))
        rows = np.flatnonzero(np.isin(self._windows[: self._count], wanted))
        cosines = np.vecdot(self._vectors[rows], np.asarray(query, np.float32))
        return dict(zip(self._windows[rows].tolist(), cosines.tolist(), strict=True))


class Matrices:
    """The matrices of the projects that were searched last.

    Args:
        most_bytes: of all of them together, unless one alone is larger.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._entries: OrderedDict[tuple[str, str], _Entry] = OrderedDict()

    def load(
        self,
        project_id: str,
        model: str,
        progress: Progress,
        read_batches: Callable[[int], Iterable[Batch]],
    ) -> Matrix | None:
        """Return the matrix of a project's vectors of one model; None where it has none.

        Args:
            project_id: whose.
            model: whose.
            progress: what the matrix must know of at least.
            read_batches: returns the batches behind a number, in their order.
        """
        with self._lock:
            entry = self._entries.setdefault((project_id, model), _Entry())
            self._entries.move_to_end((project_id, model))
        with entry.lock:  # who comes while vectors are read waits for them
            if entry.generation != progress.generation:
                entry.matrix = None
            seq = entry.matrix.seq if entry.matrix else 0
            batches = list(read_batches(seq)) if seq < progress.seq else []
            if batches:
                entry.matrix = (entry.matrix or _empty_matrix(batches[0])).append(batches)
            entry.generation = progress.generation
            matrix = entry.matrix
        self._shrink()
        return matrix

    def forget(self, project_id: str) -> None:
        """Let go of a project's matrices."""
        with self._lock:
            for key in [key for key in self._entries if key[0] == project_id]:
                del self._entries[key]

    def _shrink(self) -> None:
        with self._lock:
            matrices = [entry.matrix for entry in self._entries.values() if entry.matrix]
            total = sum(matrix.bytes for matrix in matrices)
            while total > self._most_bytes and len(self._entries) > 1:
                _, oldest = self._entries.popitem(last=False)
                total -= oldest.matrix.bytes if oldest.matrix else 0


@dataclass(slots=True)
class _Entry:
    lock: threading.Lock = field(default_factory=threading.Lock)
    matrix: Matrix | None = None
    generation: int | None = None


def pack_vectors(vectors: Sequence[Vector]) -> bytes:
    """Return vectors as `Batch.data`."""
    np = _numpy()
    return np.asarray(vectors, np.float16).tobytes()


def _empty_matrix(first: Batch) -> Matrix:
    np = _numpy()
    dimensions = len(first.data) // (2 * first.windows)
    empty = np.empty(0, np.int64)
    return Matrix(0, 0, np.empty((0, dimensions), np.float32), empty, empty)


def _enlarge(array: Any, used: int, room: int) -> Any:
    larger = _numpy().empty((room, *array.shape[1:]), array.dtype)
    larger[:used] = array[:used]
    return larger


def _numpy() -> Any:
    return importlib.import_module("numpy")  # of the extra `search`; who has vectors has it
