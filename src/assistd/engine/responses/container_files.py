"""The files of containers: uploads, copies of the project's files, and what code wrote.

What a client gives has two names (contract, responses, 7.4): its own, under which code finds
it, and one with a prefix, which clients see as its path and which opens when code names it.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from assistd import clock
from assistd.db import Connection, containers, conversations, nouns
from assistd.db.collection import Listing, Page
from assistd.db.files import blobs
from assistd.db.transaction import transaction
from assistd.engine.policy import Policy
from assistd.engine.responses import container_life
from assistd.engine.services import Services
from assistd.engine.workspace.contents import MAX_NAME_BYTES, make_proper_name
from assistd.errors import NotFoundError
from assistd.files import rows
from assistd.files.rows import Blob, ContainerPath, NewFile
from assistd.objects.project import ProjectLimits
from assistd.objects.responses.container import FOLDER, ContainerFile, StoredContainerFile


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that a client sent: its bytes, and its name as the client has it."""

    blob: Blob
    filename: str


async def add_upload(
    services: Services, project_id: str, container_id: str, upload: Upload
) -> ContainerFile:
    """Put an uploaded file into a container; its bytes are freed where that fails.

    Raises:
        NotFoundError: the container is unknown.
        RequestError: it is expired, and stays so on this server.
        StorageQuotaError: the project may not keep the file.
    """
    try:
        return await services.database.run(
            _add_upload, project_id, container_id, upload, services.policy
        )
    finally:
        await services.files.discard(upload.blob.id)


@transaction(writes=True, short=True)
def _add_upload(
    connection: Connection, project_id: str, container_id: str, upload: Upload, policy: Policy
) -> ContainerFile:
    _use(connection, project_id, container_id, policy)
    new = NewFile(
        upload.blob,
        project_id=project_id,
        filename=upload.filename,
        purpose="user_data",
        created_at=clock.seconds(),
        container_path=ContainerPath(
            container_id, _make_path(secrets.token_hex(16), upload.filename), "user"
        ),
    )
    (file,) = rows.insert(connection, [new], policy.project_limits)
    assert isinstance(file, StoredContainerFile)  # for it has a path there
    return file.show()


@transaction(writes=True, short=True)
def add_copy(
    connection: Connection, project_id: str, container_id: str, file_id: str, policy: Policy
) -> ContainerFile:
    """Put a copy of a file of the project into a container; one that is there already stays.

    Raises:
        NotFoundError: the container or the file is unknown.
        RequestError: the container is expired, and stays so on this server.
        StorageQuotaError: the project may not keep a copy.
    """
    _use(connection, project_id, container_id, policy)
    limits = policy.project_limits
    (file,) = add_copies(connection, project_id, container_id, [file_id], limits)
    conversations.bring_back(connection, container_id, [file_id])
    return file.show()


def add_copies(
    connection: Connection,
    project_id: str,
    container_id: str,
    file_ids: Iterable[str],
    limits: ProjectLimits,
) -> list[StoredContainerFile]:
    """Put copies of files of the project into a container, each file once; return them in order.

    Raises:
        NotFoundError: a file is unknown.
        StorageQuotaError: the project may not keep them.
    """
    wanted = list(dict.fromkeys(file_ids))
    if not wanted:
        return []
    copies = {file.origin_id: file for file in containers.find_given(connection, container_id)}
    found: list[StoredContainerFile] = []
    for file_id in wanted:
        copy = copies.get(file_id)
        if copy is None:
            file = nouns.files.get(connection, file_id, project_id=project_id, container_id="")
            at = ContainerPath(container_id, _make_path(file_id, file.filename), "user", file_id)
            copy = rows.copy(connection, file, project_id, at, limits)
        found.append(copy)
    return found


def find_missing(
    connection: Connection, project_id: str, container_id: str, file_ids: Iterable[str]
) -> list[str]:
    """Return those of the files that a container should have and has not, in order.

    Left out is what was removed from it, and what is no file of the project any more.
    """
    copied = {file.origin_id for file in containers.find_given(connection, container_id)}
    copied |= conversations.find_removed(connection, container_id)
    return [
        file_id
        for file_id in dict.fromkeys(file_ids)
        if file_id not in copied
        and nouns.files.find(connection, file_id, project_id=project_id, container_id="")
    ]


def require_known(connection: Connection, project_id: str, file_ids: Iterable[str]) -> None:
    """See that files can be put into containers.

    Raises:
        NotFoundError: one is no file of the project.
    """
    for file_id in file_ids:
        nouns.files.get(connection, file_id, project_id=project_id, container_id="")


@transaction(writes=True, short=True)
def read_page(
    connection: Connection, project_id: str, container_id: str, page: Page
) -> Listing[ContainerFile]:
    """Return one page of the files of a container, also of an expired one.

    Raises:
        NotFoundError: the container is unknown.
        RequestError: a cursor names no file of the container.
    """
    container_life.get_and_use(connection, project_id, container_id)
    found = nouns.container_files.page(connection, page, container_id=container_id)
    return Listing([file.show() for file in found.items], found.has_more)


@transaction(writes=True, short=True)
def get(
    connection: Connection, project_id: str, container_id: str, file_id: str
) -> StoredContainerFile:
    """Return a file of a container, also of an expired one.

    Raises:
        NotFoundError: the container is unknown, or has no such file.
    """
    container_life.get_and_use(connection, project_id, container_id)
    return _get(connection, container_id, file_id)


@transaction(short=True)
def get_by_id(connection: Connection, project_id: str, file_id: str) -> StoredContainerFile:
    """Return a file of any container of a project.

    Raises:
        NotFoundError: there is none of that id.
    """
    file = nouns.files.find(connection, file_id, project_id=project_id, container_id="")
    if file is None:
        return nouns.container_files.get(connection, file_id, project_id=project_id)
    raise NotFoundError(f"File {file_id} not found.")


async def delete(services: Services, project_id: str, container_id: str, file_id: str) -> None:
    """Delete a file of a container; it leaves a live /mnt/data, of any server, before the next cell.

    Raises:
        NotFoundError: the container is unknown, or has no such file.
    """
    freed = await services.database.run(_delete, project_id, container_id, file_id)
    await services.files.discard(*freed)


@transaction(writes=True, short=True)
def _delete(connection: Connection, project_id: str, container_id: str, file_id: str) -> list[str]:
    """Delete a file; return the blobs that are to be discarded."""
    container_life.get_and_use(connection, project_id, container_id)
    _get(connection, container_id, file_id)
    written = conversations.find_written(connection, container_id)
    paths = [path for path, written_id in written.items() if written_id == file_id]
    return remove(connection, container_id, paths, [file_id])


def remove(
    connection: Connection, container_id: str, paths: Iterable[str], file_ids: Iterable[str]
) -> list[str]:
    """Delete files of a container, which no response puts there again.

    Args:
        connection: a writing transaction.
        container_id: the container.
        paths: where code wrote some of them.
        file_ids: the files.

    Returns:
        Their blobs, which are to be discarded after the transaction.
    """
    freed: list[str] = []
    origins: list[str] = []
    for file_id in file_ids:
        file = nouns.container_files.find(connection, file_id, container_id=container_id)
        if file is not None:
            freed.append(blobs.lock_stored(connection, file_id).blob)
            nouns.container_files.delete(connection, file_id)
            origins += [file.origin_id] if file.origin_id else []
    conversations.remember_removed(connection, container_id, paths, origins)
    return freed


def _use(connection: Connection, project_id: str, container_id: str, policy: Policy) -> None:
    container = nouns.containers.get(connection, container_id, project_id=project_id)
    container_life.require_usable(container, policy)
    container_life.use(connection, container)


def _get(connection: Connection, container_id: str, file_id: str) -> StoredContainerFile:
    file = nouns.container_files.find(connection, file_id, container_id=container_id)
    if file is None:
        raise NotFoundError(f"File {file_id} not found on container {container_id}.")
    return file


def _make_path(prefix: str, filename: str) -> str:
    """Return what clients see as the path of a file that they gave."""
    name = PurePosixPath(make_proper_name(prefix, filename))
    room = MAX_NAME_BYTES - len(f"{prefix}-{name.suffix}".encode())
    stem = name.stem.encode()[: max(room, 0)].decode(errors="ignore")
    return f"{FOLDER}{prefix}-{stem}{name.suffix}"
