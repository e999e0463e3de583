"""Vectors of projects in memory, searched exactly: every one is compared."""

import importlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from assistd.search.index.store import Found, Vector

_SMALL_PART = 0.25  # of a block; less is copied out before it is multiplied
_BLOCK_ROWS = 2048
_ONE = 32767  # what a component of 1 is kept as


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

    A component is kept as a whole number of 16 bits, which is half of a float32 and moves a cosine by some 0.00003: 77 MB for 100,000 vectors of 384. Blocks are turned into float32 one after the other, while they are in
    the processor's cache, at a third more time than one large float32 matrix takes (6 beside 4 ms for 100,000).

    Args:
        seq: of the last batch in it.
        count: how many rows are in use; behind them is room for more.
        blocks: of `_BLOCK_ROWS` vectors each, of unit length.
        windows: the ids of the rows' windows.
        texts: the ids of their texts.
    """

    def __init__(
        self, seq: int, count: int, blocks: Sequence[Any], windows: Any, texts: Any
    ) -> None:
        self.seq = seq
        self._count = count
        self._blocks = blocks
        self._windows = windows
        self._texts = texts

    @property
    def bytes(self) -> int:
        """How much memory it takes."""
        arrays = [*self._blocks, self._windows, self._texts]
        return sum(array.nbytes for array in arrays)

    def append(self, batches: Sequence[Batch]) -> "Matrix":
        """Return a matrix with more rows, which has the memory of this one where there is room."""
        np = _numpy()
        count = self._count + sum(batch.windows for batch in batches)
        windows, texts, blocks = self._windows, self._texts, list(self._blocks)
        if count > len(windows):
            room = count + count // 4
            windows, texts = (_enlarge(each, self._count, room) for each in (windows, texts))
        at = self._count
        for batch in batches:
            end = at + batch.windows
            windows[at:end] = np.arange(batch.first_window, batch.first_window + batch.windows)
            texts[at:end] = batch.text
            vectors = np.frombuffer(batch.data, np.float16).reshape(batch.windows, -1)
            _put(blocks, at, np.rint(vectors.astype(np.float32) * _ONE).astype(np.int16))
            at = end
        return Matrix(batches[-1].seq, count, blocks, windows, texts)

    def find_near(self, query: Vector, texts: Collection[int], limit: int) -> list[Found]:
        """Return the rows of some texts that are nearest to a query, the nearest first."""
        np = _numpy()
        allowed = np.fromiter(texts, np.int64, len(texts))
        rows = np.flatnonzero(np.isin(self._texts[: self._count], allowed))
        cosines = self._multiply(rows, query)
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
        cosines = self._multiply(rows, query)
        return dict(zip(self._windows[rows].tolist(), cosines.tolist(), strict=True))

    def _multiply(self, rows: Any, query: Vector) -> Any:
        """Return the cosines of rows, which ascend, with a query."""
        np = _numpy()
        wanted = np.asarray(query, np.float32) / np.float32(_ONE)
        cosines = np.empty(len(rows), np.float32)
        firsts = np.arange(len(self._blocks) + 1) * _BLOCK_ROWS
        ends = np.searchsorted(rows, firsts)
        buffer = np.empty((_BLOCK_ROWS, len(wanted)), np.float32)
        for block, first, start, end in zip(self._blocks, firsts, ends, ends[1:], strict=False):
            if start == end:
                continue
            picked = rows[start:end] - first
            is_small = len(picked) < _SMALL_PART * _BLOCK_ROWS
            vectors = buffer[: len(picked)] if is_small else buffer
            vectors[:] = block[picked] if is_small else block
            # Not `@`: its second thread only spins, since the scan waits for memory.
            products = np.vecdot(vectors, wanted)
            cosines[start:end] = products if is_small else products[picked]
        return cosines


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
            read_batches: returns the next batches behind a number, in their order, only some of them.
        """
        with self._lock:
            entry = self._entries.setdefault((project_id, model), _Entry())
            self._entries.move_to_end((project_id, model))
        with entry.lock:  # who comes while vectors are read waits for them
            if entry.generation != progress.generation:
                entry.matrix = None
            seq = entry.matrix.seq if entry.matrix else 0
            while seq < progress.seq and (batches := list(read_batches(seq))):
                entry.matrix = (entry.matrix or _empty_matrix()).append(batches)
                seq = entry.matrix.seq
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


def _empty_matrix() -> Matrix:
    empty = _numpy().empty(0, "int64")
    return Matrix(0, 0, (), empty, empty)


def _put(blocks: list[Any], at: int, vectors: Any) -> None:
    """Put vectors into blocks, behind so many rows; blocks that are missing are added."""
    while len(vectors):
        number, row = divmod(at, _BLOCK_ROWS)
        if number == len(blocks):
            blocks.append(_numpy().empty((_BLOCK_ROWS, vectors.shape[1]), vectors.dtype))
        part = vectors[: _BLOCK_ROWS - row]
        blocks[number][row : row + len(part)] = part
        at += len(part)
        vectors = vectors[len(part) :]


def _enlarge(array: Any, used: int, room: int) -> Any:
    larger = _numpy().empty((room, *array.shape[1:]), array.dtype)
    larger[:used] = array[:used]
    return larger


def _numpy() -> Any:
    return importlib.import_module("numpy")  # of the extra `search`; who has vectors has it
