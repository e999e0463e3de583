"""The index of texts: found by keywords and by meaning, shown as chunks (see `base.SearchIndex`)."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import NamedTuple, ParamSpec, TypeVar

from assistd.errors import AssistdError
from assistd.extracted_text import ExtractedText
from assistd.logs import Logger, failure
from assistd.search import keywords, ranking
from assistd.search.base import Embedder, Hit, Searchable
from assistd.search.chunks import cut_chunks, find_chunk
from assistd.search.index.store import Found, Store, StoredText, Vector
from assistd.search.sentences import Span
from assistd.search.windows import cut_windows

P = ParamSpec("P")
R = TypeVar("R")

log = Logger()

BATCH = 16
"""Windows whose vectors are kept together; the number is in the data: with another, batches would overlap."""
_CANDIDATES = 50  # of each ranking, and twice the chunks that are wanted
_SEARCHERS = 4  # threads
_WRITERS = 2


class _Query(NamedTuple):
    """What is looked for.

    Args:
        text: the question.
        vector: its meaning; None where only keywords count.
        text_share: see `ranking.fuse`.
    """

    text: str
    vector: Vector | None
    text_share: float | None


class TextIndex:
    """Finds chunks of texts.

    Args:
        store: where the index is kept; it is closed with this.
        embedder: None for keywords only.
        batches: that the embedder is given at once.
    """

    def __init__(self, store: Store, embedder: Embedder | None, *, batches: int = 1) -> None:
        self._store = store
        self._embedder = embedder
        self._batches = batches
        self._searchers = ThreadPoolExecutor(_SEARCHERS, thread_name_prefix="search")
        self._writers = ThreadPoolExecutor(_WRITERS, thread_name_prefix="search-write")

    @property
    def model(self) -> str:
        """Names the model of its vectors; `off` if it has none."""
        return self._embedder.model if self._embedder else "off"

    async def add_text(self, project_id: str, text_key: str, text: ExtractedText) -> None:
        """Add a text, to be found by keywords from now on; one that is there stays as it is."""

        def add() -> None:
            if text_key in self._store.find_texts(project_id, [text_key]):
                return
            clean = text.text.encode(errors="replace").decode().replace("\0", "\ufffd")
            cleaned = ExtractedText(clean, text.pages)  # what every database can keep
            self._store.add_text(project_id, text_key, cleaned, list(cut_windows(cleaned)))

        await _run(self._writers, add)

    async def has_text(self, project_id: str, text_key: str) -> bool:
        """Whether the text is there."""
        return await self._find_text(project_id, text_key) is not None

    async def find_missing(self, project_id: str, text_keys: Collection[str]) -> set[str]:
        """Return those of the keys whose texts are not there."""
        found = await _run(self._searchers, self._store.find_texts, project_id, text_keys)
        return set(text_keys) - found.keys()

    async def embed_text(self, project_id: str, text_key: str) -> None:
        """Make the vectors that a text has not yet, some at a time, each kept as soon as it is made.

        Raises:
            AssistdError: the model does not answer now; what was made stays.
        """
        text = await self._find_text(project_id, text_key)
        embedder, store = self._embedder, self._store
        if text is None or embedder is None:
            return
        model = embedder.model
        there = await _run(self._searchers, store.list_vectors, project_id, text, model)
        end = text.first_window + text.windows
        missing = [at for at in range(text.first_window, end, BATCH) if at not in there]
        for at in range(0, len(missing), self._batches):
            firsts = missing[at : at + self._batches]
            counts = [min(BATCH, end - first) for first in firsts]
            windows = [
                window
                for first, count in zip(firsts, counts, strict=True)
                for window in await _run(
                    self._searchers, store.read_windows, project_id, first, count
                )
            ]
            if len(windows) != sum(counts):  # the text was removed in between
                return
            vectors = await embedder.embed(windows, kind="passage")
            for first, count in zip(firsts, counts, strict=True):
                made, vectors = vectors[:count], vectors[count:]
                await _run(self._writers, store.add_vectors, project_id, text, model, first, made)
        await _run(self._writers, store.drop_other_vectors, project_id, text, model)

    async def read_text(self, project_id: str, text_key: str) -> ExtractedText | None:
        """Return a text; None where it is not there."""
        return await _run(self._searchers, self._store.read_text, project_id, text_key)

    async def count_chunks(self, project_id: str, file: Searchable) -> int:
        """Return how many chunks a file has; 0 where its text is not there."""

        def count() -> int:
            text = self._store.find_texts(project_id, [file.text_key]).get(file.text_key)
            sizes = (file.chunk_tokens, file.overlap_tokens)
            return len(self._list_chunks(project_id, text, *sizes)) if text else 0

        return await _run(self._writers, count)

    async def search(
        self,
        project_id: str,
        queries: Sequence[str],
        files: Sequence[Searchable],
        *,
        limit: int,
        text_share: float | None = None,
    ) -> list[Hit]:
        """Return the chunks that answer best, the best first; by keywords alone where the model is silent.

        Args:
            project_id: whose texts are searched.
            queries: a chunk counts by the one that it answers best.
            files: what may be found; one given twice is answered twice.
            limit: how many chunks at most.
            text_share: how much keywords count of a score, from 0 to 1, and meaning the rest; by
                default as `ranking.fuse` has it.
        """
        if not files:
            return []
        is_by_keywords = text_share == 1
        vectors = [None] * len(queries) if is_by_keywords else await self._embed_queries(queries)
        asked = [_Query(*each, text_share) for each in zip(queries, vectors, strict=True)]
        return await _run(self._searchers, self._search, project_id, asked, files, limit)

    async def retain(self, project_id: str, text_keys: Collection[str]) -> None:
        """Forget every other text of a project."""
        await _run(self._writers, self._store.retain, project_id, text_keys)

    async def delete_project(self, project_id: str) -> None:
        """Forget all texts of a project."""
        await _run(self._writers, self._store.delete_project, project_id)

    async def close(self) -> None:
        """Wait for what is being done, then let go of the database."""
        await asyncio.to_thread(self._searchers.shutdown)
        await asyncio.to_thread(self._writers.shutdown)
        self._store.close()

    async def _find_text(self, project_id: str, key: str) -> StoredText | None:
        found = await _run(self._searchers, self._store.find_texts, project_id, [key])
        return found.get(key)

    async def _embed_queries(self, queries: Sequence[str]) -> Sequence[Vector | None]:
        if self._embedder is None:
            return [None] * len(queries)
        try:
            return await self._embedder.embed(queries, kind="query")
        except AssistdError as error:
            log.warning("searching by keywords alone: the embedding model failed", **failure(error))
            return [None] * len(queries)

    def _search(
        self,
        project_id: str,
        queries: Sequence["_Query"],
        files: Sequence[Searchable],
        limit: int,
    ) -> list[Hit]:
        texts = self._store.find_texts(project_id, {file.text_key for file in files})
        scores: dict[int, float] = {}
        owners: dict[int, int] = {}
        for query in queries:
            found = self._rank(project_id, query, texts.values(), max(_CANDIDATES, 2 * limit))
            for (window, text), score in found.items():
                scores[window] = max(score, scores.get(window, 0.0))
                owners[window] = text
        best = sorted(scores, key=lambda window: (-scores[window], window))
        ranked = [Found(window, owners[window], scores[window]) for window in best]
        return self._fold(project_id, ranked, files, texts, limit)

    def _rank(
        self,
        project_id: str,
        query: "_Query",
        texts: Collection[StoredText],
        limit: int,
    ) -> dict[tuple[int, int], float]:
        """Return the scores of the windows that answer a query best, by window and text."""
        matches = self._store.find_matches(
            project_id, keywords.list_query_terms(query.text), texts, limit
        )
        near: list[Found] = []
        cosines: dict[int, float] = {}
        embedder, vector = self._embedder, query.vector
        if vector is not None and embedder:
            near = self._store.find_near(project_id, self.model, vector, texts, limit)
            cosines = {found.window: found.value for found in near}
            others = [found.window for found in matches if found.window not in cosines]
            cosines |= self._store.measure(project_id, self.model, vector, others)
        values = {found.window: found.value for found in matches}
        scores = values
        if near and embedder:
            scores = ranking.fuse(cosines, values, embedder.score, query.text_share)
        return {(found.window, found.text): scores[found.window] for found in (*near, *matches)}

    def _fold(
        self,
        project_id: str,
        best: Sequence[Found],
        files: Sequence[Searchable],
        texts: Mapping[str, StoredText],
        limit: int,
    ) -> list[Hit]:
        """Return the chunks of windows, which are the best first; a chunk scores as its best window."""
        by_text: defaultdict[int, list[Searchable]] = defaultdict(list)
        for file in files:
            if text := texts.get(file.text_key):
                by_text[text.id].append(file)
        spans = self._store.find_spans(project_id, [found.window for found in best])
        list_chunks = cache(partial(self._list_chunks, project_id))
        shown: dict[tuple[int, Span], _Shown] = {}
        for window, text_id, score in best:
            if len(shown) >= limit:
                break
            for file in by_text[text_id] if window in spans else ():
                text = texts[file.text_key]
                chunks = list_chunks(text, file.chunk_tokens, file.overlap_tokens)
                chunk = chunks[find_chunk(chunks, spans[window])]
                start = max(chunk.start, spans[window].start)
                shown.setdefault((id(file), chunk), _Shown(file, text, chunk, start, score))
        return self._tell(project_id, list(shown.values())[:limit])

    def _tell(self, project_id: str, shown: Sequence["_Shown"]) -> list[Hit]:
        """Return chunks with what they say."""
        parts = [(each.text, each.chunk) for each in shown]
        told = self._store.read_slices(project_id, parts)
        positions = [
            (each.text, each.chunk.start + _skip_space(text, each.start - each.chunk.start))
            for each, text in zip(shown, told, strict=True)
        ]
        pages = self._store.find_pages(project_id, positions)
        return [
            Hit(each.file, *each.chunk, page, each.score, text)
            for each, page, text in zip(shown, pages, told, strict=True)
        ]

    def _list_chunks(
        self, project_id: str, text: StoredText, tokens: int, overlap: int
    ) -> Sequence[Span]:
        chunks = self._store.read_chunks(project_id, text, tokens, overlap)
        if chunks is None:
            read = self._store.read_text(project_id, text.key)
            chunks = list(cut_chunks(read.text if read else "", tokens, overlap))
            self._store.add_chunks(project_id, text, tokens, overlap, chunks)
        return chunks


class _Shown(NamedTuple):
    """A chunk that is shown.

    Args:
        start: of what was found, in the text.
    """

    file: Searchable
    text: StoredText
    chunk: Span
    start: int
    score: float


def _skip_space(text: str, position: int) -> int:
    rest = text[position:]
    return position + len(rest) - len(rest.lstrip())


async def _run(
    executor: ThreadPoolExecutor,
    function: Callable[P, R],
    *args: P.args,
    **kwargs: P.kwargs,
) -> R:
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(executor, lambda: function(*args, **kwargs))
