"""Search in vector stores: the database says what may be found, then the index ranks it."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from assistd import clock
from assistd.db import Connection
from assistd.db.database import Database
from assistd.db.search import findable
from assistd.db.search.findable import FindableFile
from assistd.db.transaction import transaction
from assistd.db.usage import requests
from assistd.db.usage.requests import Requests
from assistd.engine.vector_stores import files, stores
from assistd.engine.vector_stores.filters import Filter
from assistd.errors import RequestError
from assistd.extracted_text import ExtractedText
from assistd.objects.vector_store import Attributes
from assistd.search.base import Hit, Searchable, SearchIndex

_LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A chunk of a file that answers a query.

    Args:
        store_id: the store through which it was found.
        file_id: the file.
        filename: its name.
        attributes: of the file in that store.
        score: how well it answers, from 0 to 1.
        text: the chunk.
        page: the page that its best passage is on; None where the file has no pages.
    """

    store_id: str
    file_id: str
    filename: str
    attributes: Attributes
    score: float
    text: str
    page: int | None


class StoreSearch:
    """Searches the vector stores of projects.

    Args:
        database: what is in the stores.
        index: the texts of the files.
        report_damage: called with a project whose texts the index lost.
    """

    def __init__(
        self, database: Database, index: SearchIndex, report_damage: Callable[[str], None]
    ) -> None:
        self._database = database
        self._index = index
        self._report_damage = report_damage

    async def search(
        self,
        project_id: str,
        store_ids: Sequence[str],
        queries: Sequence[str],
        *,
        max_results: int = 10,
        threshold: float = 0.0,
        text_share: float | None = None,
        filters: Filter | None = None,
        api_key_id: str | None = None,
    ) -> list[SearchResult]:
        """Return the chunks that answer best, the best first; a search is a use of the stores.

        A chunk that is found through two stores is in the results twice (contract, file search, trap 21).

        Args:
            project_id: whose stores.
            store_ids: the stores.
            queries: a chunk counts by the one that it answers best.
            max_results: how many results at most.
            threshold: the least score of a result, from 0 to 1.
            text_share: see `SearchIndex.search`.
            filters: what the attributes of a file must be; others are not ranked at all.
            api_key_id: on whose key the search is metered.

        Raises:
            NotFoundError: a store is unknown.
            RequestError: a store is expired.
        """
        allowed = await self._database.run(_find_allowed, project_id, store_ids, filters)
        await self._database.run(_note_search, project_id, store_ids, api_key_id)
        hits = await self._index.search(
            project_id, queries, list(allowed), limit=max_results, text_share=text_share
        )
        if allowed and not hits:
            some = next(iter(allowed)).text_key  # an index is lost as a whole
            if not await self._index.has_text(project_id, some):
                self._report_damage(project_id)
        found = [
            (hit, file)
            for hit in hits
            if hit.score >= threshold
            for file in allowed[hit.searchable]
        ][:max_results]
        names = await self._database.run(findable.find_names, {file.file_id for _, file in found})
        return [
            _result(hit, file, names[file.file_id]) for hit, file in found if file.file_id in names
        ]

    async def read_text(self, project_id: str, store_id: str, file_id: str) -> ExtractedText:
        """Return the text of a file in a store, as it is searched.

        Raises:
            NotFoundError: the store is unknown, or has no such file.
            RequestError: the store is expired, or the file has no text (yet).
        """
        key = await self._database.run(_find_text_key, project_id, store_id, file_id)
        text = await self._index.read_text(project_id, key) if key else None
        if text is None:
            if key:
                self._report_damage(project_id)
            raise RequestError(f"The content of file '{file_id}' is not available.")
        return text

    async def wait_until_indexed(self, project_id: str, store_id: str, seconds: float) -> None:
        """Wait until each file of a store is indexed or failed, for so long at most; an unknown store has none."""
        deadline = clock.now() + seconds
        is_waiting = findable.has_waiting
        while await self._database.run(is_waiting, project_id, store_id):
            if clock.now() > deadline:
                return
            await asyncio.sleep(_LOOK_SECONDS)


@transaction(writes=True, short=True)
def _note_search(
    connection: Connection, project_id: str, store_ids: Sequence[str], api_key_id: str | None
) -> None:
    """Have the stores live on, and meter one request, with the first of them."""
    stores.note_use(connection, project_id, store_ids)
    for store_id in store_ids[:1]:
        requests.record(connection, Requests("file_search", project_id, api_key_id, store_id))


@transaction()
def _find_allowed(
    connection: Connection, project_id: str, store_ids: Sequence[str], filters: Filter | None
) -> dict[Searchable, list[FindableFile]]:
    """Return what may be found in stores and passes the filters; files that are searched alike stand together."""
    for store_id in store_ids:
        stores.get_usable(connection, project_id, store_id)
    found: dict[Searchable, list[FindableFile]] = {}
    for file in findable.find_all(connection, set(store_ids)):
        if filters is None or filters.matches(file.read_attributes()):
            found.setdefault(_searchable(file), []).append(file)
    return found


@transaction(short=True)
def _find_text_key(
    connection: Connection, project_id: str, store_id: str, file_id: str
) -> str | None:
    stores.get_usable(connection, project_id, store_id)
    files.get(connection, project_id, store_id, file_id)
    return findable.find_text_key(connection, store_id, file_id)


def _searchable(file: FindableFile) -> Searchable:
    static = file.chunking
    return Searchable(file.text_key, static.max_chunk_size_tokens, static.chunk_overlap_tokens)


def _result(hit: Hit, file: FindableFile, filename: str) -> SearchResult:
    return SearchResult(
        store_id=file.store_id,
        file_id=file.file_id,
        filename=filename,
        attributes=file.read_attributes(),
        score=hit.score,
        text=hit.text,
        page=hit.page,
    )
