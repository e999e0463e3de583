"""Which rows name a blob: files of one project and content share one, and the last to go frees it."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, select

from assistd.db import tables
from assistd.db.prepared import split_names
from assistd.db.transaction import transaction
from assistd.errors import NotFoundError


@dataclass(frozen=True, slots=True)
class Stored:
    """What the row of a file says of its bytes: the blob, and what tells its content from others.

    Args:
        blob: the id of the blob.
        hash: `ids.make_content_key`; in rows of commits before decision 0053 the plain hash.
    """

    blob: str
    hash: str


def same_content(connection: Connection, keys: Collection[str]) -> dict[str, str]:
    """Return the blobs that files have already: content key -> blob.

    Held until the transaction ends, so that no file is deleted meanwhile whose blob gets another name.
    """
    file = tables.files.c
    found: dict[str, str] = {}
    for some in split_names(keys):
        statement = (
            select(file.hash, file.blob)
            .where(file.hash.in_(some), file.deleted.is_(False))
            .with_for_update()
        )
        for key, blob in connection.execute(statement):
            found[key] = blob
    return found


@transaction(short=True)
def of_file(connection: Connection, file_id: str) -> Stored | None:
    """Return what the row of a file says of its bytes; None where the file is unknown or deleted."""
    file = tables.files.c
    statement = select(file.blob, file.hash).where(file.id == file_id, file.deleted.is_(False))
    row = connection.execute(statement).one_or_none()
    return None if row is None else Stored(row.blob, row.hash)


def lock_stored(connection: Connection, file_id: str) -> Stored:
    """Return what the row of a file says of its bytes; nobody deletes it before the transaction ends.

    Raises:
        NotFoundError: the file was deleted meanwhile.
    """
    file = tables.files.c
    statement = (
        select(file.blob, file.hash)
        .where(file.id == file_id, file.deleted.is_(False))
        .with_for_update()
    )
    row = connection.execute(statement).one_or_none()
    if row is None:
        raise NotFoundError(f"No such File object: {file_id}", param="id")
    return Stored(row.blob, row.hash)


@transaction(short=True)
def of_files(connection: Connection, file_ids: Collection[str]) -> dict[str, str]:
    """Return the blobs of files, by file id; unknown and deleted ones are left out."""
    file = tables.files.c
    found: dict[str, str] = {}
    for some in split_names(file_ids):
        statement = select(file.id, file.blob).where(file.id.in_(some), file.deleted.is_(False))
        found.update((id_, blob) for id_, blob in connection.execute(statement))
    return found


@transaction(short=True)
def find_unnamed(connection: Connection, blobs: Collection[str]) -> set[str]:
    """Return those of the blobs that no file and no part of an upload has."""
    file, part = tables.files.c, tables.upload_parts.c
    left = set(blobs)
    for some in split_names(blobs):
        files = select(file.blob).where(file.blob.in_(some), file.deleted.is_(False))
        parts = select(part.blob).where(part.blob.in_(some))
        left.difference_update(connection.execute(files.union(parts)).scalars())
    return left
