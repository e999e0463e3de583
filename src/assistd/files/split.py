"""Blobs that older commits shared between projects: each project gets its own (decision 0053)."""

from collections.abc import AsyncIterator

import structlog

from assistd import ids
from assistd.db.database import Database
from assistd.db.files import shared_blobs
from assistd.db.files.shared_blobs import Shared
from assistd.files.arriving_blob import Block
from assistd.files.blobs import Blobs
from assistd.logs import failure

log = structlog.get_logger()

_AT_ONCE = 100  # contents in one transaction


async def split_projects(database: Database, blobs: Blobs) -> None:
    """Give the files that an older commit wrote their content keys, and each project its own blobs.

    Costs one short query where all of them have keys. Other servers, also of older commits, may do
    anything meanwhile. A blob that cannot be copied now stays shared, and is tried at the next call.

    Args:
        database: where the rows are.
        blobs: where the bytes are.
    """
    last = ""
    while hashes := await database.run(shared_blobs.hashes_after, last, _AT_ONCE):
        last = hashes[-1]
        for shared in await database.run(shared_blobs.give_keys, hashes):
            try:
                await _split(database, blobs, shared)
            except Exception as error:  # noqa: BLE001  the next one may fit on the disk
                log.error("a shared blob was not split", **failure(error))


async def _split(database: Database, blobs: Blobs, shared: Shared) -> None:
    """Copy a blob, in plain writes: files that share blocks of the disk could be told apart."""
    copy = ids.new("blob")
    await blobs.put(copy, _blocks(blobs, shared.blob))
    if not await database.run(shared_blobs.move, shared, copy):
        await blobs.delete(copy)  # another server was faster, or the files are gone


async def _blocks(blobs: Blobs, id_: str) -> AsyncIterator[Block]:
    async for chunk in blobs.read(id_):
        yield [chunk]
