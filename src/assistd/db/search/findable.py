"""The files of vector stores that a search may find: whatever the index holds beside them is out of its reach."""

import json
from collections.abc import Collection
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import Connection, and_, select

from assistd.db import tables
from assistd.db.transaction import transaction
from assistd.objects.file import File
from assistd.objects.vector_store import Attributes, ChunkingStrategy, StaticChunking

_FILES = tables.vector_store_files.c
_CAN_BE_FOUND = and_(_FILES.status.in_(("in_progress", "completed")), _FILES.text_key.is_not(None))


class FindableFile(NamedTuple):
    """A file in a store whose text is in the index.

    Args:
        store_id: the store.
        file_id: the file.
        text_key: of its text in the index.
        chunking: how it is cut.
        attributes_json: what searches can filter by.
    """

    store_id: str
    file_id: str
    text_key: str
    chunking: StaticChunking
    attributes_json: str

    def read_attributes(self) -> Attributes:
        """Return what searches can filter by."""
        return json.loads(self.attributes_json)


@transaction()
def find_all(connection: Connection, store_ids: Collection[str]) -> list[FindableFile]:
    """Return the files of stores that can be found: indexed ones, and those that wait for vectors alone."""
    rows = connection.execute(
        select(_FILES.store_id, _FILES.file_id, _FILES.text_key, _FILES.chunking, _FILES.attributes)
        .where(_FILES.store_id.in_(store_ids), _CAN_BE_FOUND)
        .order_by(_FILES.seq)
    )
    return [
        FindableFile(store_id, file_id, text_key, _read_chunking(chunking), attributes)
        for store_id, file_id, text_key, chunking, attributes in rows
    ]


@transaction(short=True)
def find_names(connection: Connection, file_ids: Collection[str]) -> dict[str, str]:
    """Return the names of those of the files that were not deleted, by their ids."""
    file = tables.files.c
    rows = connection.execute(
        select(file.body).where(file.id.in_(file_ids), file.deleted.is_(False))
    )
    found = [File.model_validate_json(body) for body in rows.scalars()]
    return {file.id: file.filename for file in found}


@transaction(short=True)
def find_text_key(connection: Connection, store_id: str, file_id: str) -> str | None:
    """Return the key of the text of a file in a store; None where it cannot be found, or not yet."""
    statement = select(_FILES.text_key).where(
        _FILES.store_id == store_id, _FILES.file_id == file_id, _CAN_BE_FOUND
    )
    return connection.execute(statement).scalar()


@transaction(short=True)
def has_waiting(connection: Connection, project_id: str, store_id: str) -> bool:
    """Whether a store has files that are not indexed yet."""
    waiting = select(_FILES.id).where(
        _FILES.store_id == store_id,
        _FILES.project_id == project_id,
        _FILES.status == "in_progress",
    )
    return connection.execute(waiting.limit(1)).scalar() is not None


@lru_cache(maxsize=1024)
def _read_chunking(chunking: str) -> StaticChunking:
    return ChunkingStrategy.model_validate_json(chunking).static
