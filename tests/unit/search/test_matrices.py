"""Vectors in memory: found exactly, whichever of them are asked for and however they came."""

from collections.abc import Iterable
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistd.search.index import matrices
from assistd.search.index.matrices import Batch, Matrices, Progress, pack_vectors

np = pytest.importorskip("numpy", reason="it is of the extra `search`")

DIMENSIONS = 24
ROWS = 300
DRAW = np.random.default_rng(7)
DRAWN = DRAW.standard_normal((ROWS, DIMENSIONS)).astype(np.float32)
VECTORS = DRAWN / np.linalg.norm(DRAWN, axis=1, keepdims=True)
QUERY = VECTORS[5]
COSINES = VECTORS @ QUERY


def cut(sizes: Iterable[int]) -> list[Batch]:
    """The vectors as batches of some sizes, each of a text of its own; windows have the numbers of their rows."""
    batches = list[Batch]()
    at = 0
    for number, size in enumerate(sizes, 1):
        part = VECTORS[at : at + size]
        if len(part):
            data = pack_vectors(part.tolist())
            batches.append(Batch(number, number, at, len(part), data))
        at += size
    return batches


def load(held: Matrices, batches: list[Batch], portion: int) -> matrices.Matrix:
    """The matrix of these batches, read a few at a time."""

    def read(seq: int) -> Iterable[Batch]:
        return islice((each for each in batches if each.seq > seq), portion)

    matrix = held.load("proj", "model", Progress(1, batches[-1].seq), read)
    assert matrix
    return matrix


@given(
    sizes=st.lists(st.integers(1, 90), min_size=1, max_size=12),
    portion=st.integers(1, 5),
    block=st.sampled_from([8, 32, 100, 1000]),
    chosen=st.sets(st.integers(1, 12)),
)
def test_the_nearest_of_the_chosen_texts_are_found(
    sizes: list[int], portion: int, block: int, chosen: set[int]
) -> None:
    batches = cut(sizes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matrices, "_BLOCK_ROWS", block)
        held = Matrices(1 << 30)
        load(held, batches[: len(batches) // 2 + 1], portion)
        matrix = load(held, batches, portion)
        found = matrix.find_near(QUERY.tolist(), chosen, 10)
        measured = matrix.measure(QUERY.tolist(), range(0, ROWS, 7))
    rows = [
        row
        for batch in batches
        if batch.text in chosen
        for row in range(batch.first_window, batch.first_window + batch.windows)
    ]
    best = sorted(rows, key=lambda row: -COSINES[row])[:10]
    values = [each.value for each in found]
    assert len({each.window for each in found} & set(rows)) == len(best)
    assert values == pytest.approx(COSINES[best], abs=1e-3)
    assert values == pytest.approx([COSINES[each.window] for each in found], abs=1e-3)
    filled = sum(batch.windows for batch in batches)
    assert measured.keys() == set(range(0, filled, 7))
    assert all(abs(value - COSINES[row]) < 1e-3 for row, value in measured.items())


def test_a_vector_takes_two_bytes_for_each_component() -> None:
    [batch] = cut([ROWS])
    batches = [Batch(seq, 1, 0, ROWS, batch.data) for seq in range(1, 101)]
    matrix = load(Matrices(1 << 30), batches, 7)
    ids = 2 * 8 * 1.25
    assert matrix.bytes < 1.1 * 100 * ROWS * (2 * DIMENSIONS + ids)
