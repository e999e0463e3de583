"""Prints by how many megabytes a process grows that searches an index for the first time: `FOLDER TEXTS`.

Counted is the memory of its own. SQLite maps up to 256 MiB of the index, too: those pages are the kernel's cache of the
file, which it takes back where memory is wanted.
"""

import asyncio
import sys
from pathlib import Path

from assistd.search.base import Searchable
from assistd.search.index.sqlite import SqliteStore
from assistd.search.text_index import TextIndex
from bench.search.speed import CACHE_BYTES, PROJECT, DrawnPassages, name_text

_QUESTIONS = ("Hello", "What is the total?", "How long does it take?")


async def _measure(folder: Path, texts: int) -> float:
    embedder = DrawnPassages()
    await embedder.embed(["Hello"], kind="query")
    index = TextIndex(SqliteStore(folder, CACHE_BYTES), embedder)
    files = [Searchable(name_text(number)) for number in range(texts)]
    before = _own_bytes()
    for question in _QUESTIONS:
        assert await index.search(PROJECT, [question], files, limit=20)
    grown = _own_bytes() - before
    await index.close()
    await embedder.builtin.close()
    return grown / 1e6


def _own_bytes() -> int:
    [line] = (
        each for each in Path("/proc/self/status").read_text().splitlines() if "RssAnon" in each
    )
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    print(asyncio.run(_measure(Path(sys.argv[1]), int(sys.argv[2]))))
