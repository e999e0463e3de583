"""The upkeep of the search index: it holds the texts that files are found by, all of them and no others."""

import asyncio
from collections.abc import Callable

from assistd.db.database import Database
from assistd.db.search import texts
from assistd.engine.vector_stores.indexing import Indexing
from assistd.periodic import Duty
from assistd.search.base import SearchIndex

_SWEEP_SECONDS = 3600.0
_PAUSE_SECONDS = 1.0  # between two repairs


class Upkeep:
    """Compares the index with the database, at the start, each hour, and when a search misses a text.

    Args:
        database: says which texts there must be.
        index: the texts.
        indexing: names the texts that are on their way.
        wake: called when there are new jobs of indexing.
    """

    def __init__(
        self,
        database: Database,
        index: SearchIndex,
        indexing: Indexing,
        wake: Callable[[], None],
    ) -> None:
        self._database = database
        self._index = index
        self._indexing = indexing
        self._wake = wake
        self._damaged: set[str] = set()
        self._damage = asyncio.Event()

    def duties(self) -> list[Duty]:
        """Return what a process does for the index as long as it serves."""
        return [
            Duty("sweep of the index", self.sweep, _SWEEP_SECONDS),
            Duty("repair of the index", self._repair, _PAUSE_SECONDS),
        ]

    def report_damage(self, project_id: str) -> None:
        """Have the texts of a project made again that the index lost; return at once."""
        self._damaged.add(project_id)
        self._damage.set()

    async def sweep(self) -> None:
        """Have the index forget the texts that no file is found by, and make again what it lost.

        Files with vectors of another model than the index has are embedded anew.
        """
        read = self._database.run
        await read(texts.require_model, self._index.model)
        for project_id in await read(texts.find_projects):
            # In this order: a file whose text comes between the two is in both, not in neither.
            awaited = await read(texts.find_awaited_contents, project_id)
            keys = await read(texts.find_keys, project_id)
            coming = {self._indexing.text_key(each) for each in awaited}
            await self._index.retain(project_id, keys | coming)
            await self._check(project_id)
        self._wake()

    async def _repair(self) -> None:
        """Wait until damage is reported, then repair it."""
        await self._damage.wait()
        self._damage.clear()
        damaged, self._damaged = self._damaged, set()
        for project_id in damaged:
            await self._check(project_id)
        self._wake()

    async def _check(self, project_id: str) -> None:
        """Have the files of a project indexed anew whose texts are not in the index.

        After `retain` it also finds the texts that another process added when it had read its list,
        and that went with those to be forgotten.
        """
        keys = await self._database.run(texts.find_keys, project_id)
        for key in await self._index.find_missing(project_id, keys):
            await self._database.run(texts.forget, project_id, key)
