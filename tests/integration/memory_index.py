"""A search index and an extractor in memory, for tests of those who use one; a test can stop both and break them."""

import asyncio
import re
from collections.abc import Collection, Sequence

from assistd.errors import ExtractionError
from assistd.extracted_text import ExtractedText, TextPage
from assistd.search.base import Hit, Searchable

_WORD = re.compile(r"\S+")
Key = tuple[str, str]


class Gate:
    """Where work waits while it is closed, and fails once for each fault that a test put here."""

    def __init__(self) -> None:
        self.faults: list[Exception] = []
        self.arrivals = 0
        self.cancellations = 0
        self._open = asyncio.Event()
        self._open.set()

    def close(self) -> None:
        """Let nobody through."""
        self._open.clear()

    def open(self) -> None:
        """Let everybody through."""
        self._open.set()

    async def pass_through(self) -> None:
        """Wait until it is open.

        Raises:
            Exception: the next of the faults.
        """
        self.arrivals += 1
        try:
            await self._open.wait()
        except asyncio.CancelledError:
            self.cancellations += 1
            raise
        if self.faults:
            raise self.faults.pop(0)


class MemoryExtractor:
    """Decodes UTF-8; a form feed ends a page."""

    version = "memory-1"

    def __init__(self) -> None:
        self.gate = Gate()

    async def extract(
        self, filename: str, content: bytes, *, seconds: float | None = None
    ) -> ExtractedText:
        """Return the text."""
        async with asyncio.timeout(seconds):
            await self.gate.pass_through()
        if filename.endswith(".png"):
            raise ExtractionError("unsupported_file", "The file type is not supported.")
        if not content:
            raise ExtractionError(
                "invalid_file", "The file could not be parsed because it is empty."
            )
        text, start = content.decode(), 0
        pages: list[TextPage] = []
        if "\f" in text:
            for number, page in enumerate(text.split("\f"), 1):
                pages.append(TextPage(number, start, start + len(page)))
                start += len(page) + 1
        return ExtractedText(text, tuple(pages))


class MemoryIndex:
    """Scores a chunk by how many of the query's words are in it; a word is a token."""

    def __init__(self, model: str = "memory/1") -> None:
        self.model = model
        self.texts: dict[Key, ExtractedText] = {}
        self.vectors: dict[Key, str] = {}
        self.gate = Gate()
        """Where vectors are made."""
        self.adding = Gate()

    async def add_text(self, project_id: str, text_key: str, text: ExtractedText) -> None:
        """Add a text."""
        await self.adding.pass_through()
        self.texts.setdefault((project_id, text_key), text)

    async def has_text(self, project_id: str, text_key: str) -> bool:
        """Whether the text is there."""
        return (project_id, text_key) in self.texts

    async def find_missing(self, project_id: str, text_keys: Collection[str]) -> set[str]:
        """Return those of the keys whose texts are not there."""
        return {key for key in text_keys if (project_id, key) not in self.texts}

    async def embed_text(self, project_id: str, text_key: str) -> None:
        """Make its vectors."""
        await self.gate.pass_through()
        self.vectors[project_id, text_key] = self.model

    async def read_text(self, project_id: str, text_key: str) -> ExtractedText | None:
        """Return a text."""
        return self.texts.get((project_id, text_key))

    async def count_chunks(self, project_id: str, file: Searchable) -> int:
        """Return how many chunks a file has."""
        return len(self._cut(project_id, file))

    async def search(
        self,
        project_id: str,
        queries: Sequence[str],
        files: Sequence[Searchable],
        *,
        limit: int,
        text_share: float | None = None,
    ) -> list[Hit]:
        """Return the best chunks, by keywords whatever else should count."""
        del text_share
        hits: list[Hit] = []
        for file in files:
            for start, end in self._cut(project_id, file):
                chunk = self.texts[project_id, file.text_key].text[start:end]
                score = max(_score(query, chunk) for query in queries)
                if score:
                    hits.append(Hit(file, start, end, None, score, chunk))
        return sorted(hits, key=lambda hit: -hit.score)[:limit]

    async def retain(self, project_id: str, text_keys: Collection[str]) -> None:
        """Forget every other text."""
        for key in [key for key in self.texts if key[0] == project_id and key[1] not in text_keys]:
            del self.texts[key]
            self.vectors.pop(key, None)

    async def delete_project(self, project_id: str) -> None:
        """Forget all texts of a project."""
        await self.retain(project_id, [])

    def _cut(self, project_id: str, file: Searchable) -> list[tuple[int, int]]:
        text = self.texts.get((project_id, file.text_key))
        words = list(_WORD.finditer(text.text)) if text else []
        step = file.chunk_tokens - file.overlap_tokens
        last = max(1, len(words) - file.overlap_tokens)
        parts = [words[start : start + file.chunk_tokens] for start in range(0, last, step)]
        return [(part[0].start(), part[-1].end()) for part in parts if part]


def _score(query: str, chunk: str) -> float:
    words = set(re.findall(r"\w+", query.lower()))
    return len(words & set(re.findall(r"\w+", chunk.lower()))) / len(words)
