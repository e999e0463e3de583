"""What a search costs beside 1,000, 10,000 and 100,000 windows: processor time, memory, disk.

The texts are made up of words in both scripts and the vectors are drawn, since to embed 100,000 windows
takes half a day; questions are embedded by the built-in model. The index is the server's own.
"""

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
import psutil
from rich.progress import track

from assistd.extracted_text import ExtractedText
from assistd.search.base import Searchable
from assistd.search.embedding.builtin import BuiltinEmbedder
from assistd.search.index.sqlite import SqliteStore
from assistd.search.text_index import TextIndex
from bench.figures import Figure

_SIZES = (1_000, 10_000, 100_000)
_WINDOWS_PER_TEXT = 250
_WORDS_PER_WINDOW = 165  # some 240 tokens
_VOCABULARY = 20_000
_SEARCHES = 30
CACHE_BYTES = 1 << 30
PROJECT = "proj_bench"
_MOST_MS = {1_000: 40.0, 10_000: 40.0, 100_000: 70.0}
_MOST_MS_OFF = 15.0
_MOST_MB = {100_000: 150.0}


class DrawnPassages:
    """The built-in model for questions, and drawn vectors for passages."""

    def __init__(self) -> None:
        self.builtin = BuiltinEmbedder()
        self.model = self.builtin.model
        self.dimensions = self.builtin.dimensions
        self._draw = np.random.default_rng(1)

    async def embed(
        self, texts: Sequence[str], *, kind: Literal["passage", "query"]
    ) -> list[Sequence[float]]:
        """Return the vectors of texts; see `Embedder.embed`."""
        if kind == "query":
            return await self.builtin.embed(texts, kind=kind)
        drawn = self._draw.standard_normal((len(texts), self.dimensions), dtype=np.float32)
        return list(drawn / np.linalg.norm(drawn, axis=1, keepdims=True))

    def score(self, cosine: float) -> float:
        """Return what a cosine is worth; see `Embedder.score`."""
        return self.builtin.score(cosine)


def measure_speed() -> list[Figure]:
    """Fill an index of each size, and search it."""
    figures: list[Figure] = []
    for size in _SIZES:
        for embedder in (None, DrawnPassages()):
            if embedder or size == _SIZES[1]:
                figures += asyncio.run(_measure(size, embedder))
    return figures


async def _measure(size: int, embedder: "DrawnPassages | None") -> list[Figure]:
    name = f"{size:,} windows{'' if embedder else ', keywords only'}"
    draw = random.Random(size)
    with tempfile.TemporaryDirectory(prefix="assistd-bench-") as folder:
        index = TextIndex(SqliteStore(Path(folder), CACHE_BYTES), embedder)
        words = _make_words(draw)
        files, characters = await _fill(index, size, words, draw, name)
        used = sum(each.stat().st_blocks * 512 for each in Path(folder).rglob("*"))
        samples = [await _search(index, files, words, draw) for _ in range(_SEARCHES)]
        most = _MOST_MS[size] if embedder else _MOST_MS_OFF
        figures = [
            Figure(f"search beside {name}, processor", "ms", tuple(samples[1:]), goal=most),
            Figure(f"disk for a byte of text, {name}", "x", (used / characters,), goal=4.0),
        ]
        if embedder:
            child = _embedder_child()
            grown = await _grow(Path(folder), len(files))
            most = _MOST_MB.get(size)
            figures.append(Figure(f"server's memory, {name}", "MB", (grown,), goal=most))
            figures.append(
                Figure(
                    "the embedding model's process",
                    "MB",
                    (child.memory_info().rss / 1e6,),
                    goal=160,
                )
            )
        await index.close()
        if embedder:
            await embedder.builtin.close()
        return figures


def name_text(number: int) -> str:
    """Return the key of a text, by its number."""
    return f"text-{number}"


async def _grow(folder: Path, files: int) -> float:
    """Megabytes by which a process grows that searches an index for the first time."""
    command = [sys.executable, "-m", "bench.search.memory", str(folder), str(files)]
    child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    out, _ = await child.communicate()
    return float(out)


async def _fill(
    index: TextIndex, size: int, words: list[str], draw: random.Random, name: str
) -> tuple[list[Searchable], int]:
    files: list[Searchable] = []
    characters = 0
    for number in track(range(size // _WINDOWS_PER_TEXT), f"filling {name}"):
        count = _WINDOWS_PER_TEXT * _WORDS_PER_WINDOW
        text = _write(draw.choices(words, weights=_WEIGHTS, k=count))
        characters += len(text.encode())
        key = name_text(number)
        await index.add_text(PROJECT, key, ExtractedText(text))
        await index.embed_text(PROJECT, key)
        files.append(Searchable(key))
        await index.count_chunks(PROJECT, files[-1])  # as the indexer does
    return files, characters


async def _search(
    index: TextIndex, files: list[Searchable], words: list[str], draw: random.Random
) -> float:
    """Milliseconds of processor time that one search takes, the embedding model's included."""
    question = " ".join(draw.choices(words, k=8))
    with _processor_ms() as spent:
        hits = await index.search(PROJECT, [question], files, limit=20)
    assert hits
    return spent[0]


@contextmanager
def _processor_ms() -> Generator[list[float]]:
    spent: list[float] = []
    began = time.process_time() + _child_seconds()
    yield spent
    spent.append(1000 * (time.process_time() + _child_seconds() - began))


def _child_seconds() -> float:
    """Seconds of processor time that the children's threads took: to the nanosecond, not to the tick."""
    stats = (
        path.read_text()
        for child in psutil.Process().children()
        for path in Path(f"/proc/{child.pid}/task").glob("*/schedstat")
    )
    return sum(int(line.split()[0]) for line in stats) / 1e9


def _embedder_child() -> psutil.Process:
    (child,) = psutil.Process().children()
    return child


def _make_words(draw: random.Random) -> list[str]:
    letters = "etaoinshrdlucmfwypvbgk"
    latin = ["".join(draw.choices(letters, k=draw.randint(3, 9))) for _ in range(_VOCABULARY // 2)]
    han = ["".join(chr(draw.randint(0x4E00, 0x5FFF)) for _ in range(2)) for _ in latin]
    return [word for pair in zip(latin, han, strict=True) for word in pair]


_WEIGHTS = [1 / (rank + 10) for rank in range(_VOCABULARY)]


def _write(words: Sequence[str]) -> str:
    """The words as sentences of twelve."""
    return " ".join(" ".join(words[at : at + 12]) + "." for at in range(0, len(words), 12))
