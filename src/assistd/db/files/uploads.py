"""The parts of uploads: where their bytes are, and how many."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select

from assistd.db import nouns, tables
from assistd.objects.upload import UploadPart


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A part's bytes: the id of their blob, and how many there are."""

    blob: str
    bytes: int


def add_part(connection: Connection, part: UploadPart, blob: str, size: int) -> None:
    """Insert a part whose bytes are stored."""
    nouns.upload_parts.insert(connection, part, upload_id=part.upload_id, blob=blob, bytes=size)


def count_parts(connection: Connection, upload_id: str) -> tuple[int, int]:
    """Return how many parts an upload has, and how many bytes they have together."""
    parts = tables.upload_parts.c
    total = func.coalesce(func.sum(parts.bytes), 0)
    statement = select(func.count(), total).where(parts.upload_id == upload_id)
    count, size = connection.execute(statement).one()
    return count, int(size)


def parts(connection: Connection, upload_id: str) -> dict[str, StoredPart]:
    """Return the parts of an upload: id -> bytes, in the order in which they came."""
    part = tables.upload_parts.c
    rows = connection.execute(
        select(part.id, part.blob, part.bytes).where(part.upload_id == upload_id).order_by(part.seq)
    )
    return {id_: StoredPart(blob, size) for id_, blob, size in rows}


def forget_parts(connection: Connection, upload_id: str) -> Sequence[str]:
    """Delete the parts of an upload; the blobs that nothing names any more."""
    blobs = [part.blob for part in parts(connection, upload_id).values()]
    table = tables.upload_parts
    connection.execute(delete(table).where(table.c.upload_id == upload_id))
    return blobs
