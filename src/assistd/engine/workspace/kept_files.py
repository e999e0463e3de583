"""How what code made in a workspace becomes files: those of a thread are files of its project."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from assistd import clock
from assistd.db import Connection, conversations
from assistd.files import rows
from assistd.files.rows import Blob, ContainerPath, NewFile
from assistd.objects.project import ProjectLimits


@dataclass(frozen=True, slots=True)
class Kept:
    """Files that were kept.

    Args:
        files: path below /mnt/data -> file id.
        freed: blobs that these files had before: to be discarded after the transaction.
    """

    files: dict[str, str]
    freed: Sequence[str] = ()


class KeptFiles(Protocol):
    """Makes files of what code made; each method is part of a transaction.

    Args of all: the key of the workspace, the project that owns it, and the limits of projects
    that have none of their own.
    """

    def keep(
        self,
        connection: Connection,
        key: str,
        project_id: str,
        blobs: Mapping[str, Blob],
        limits: ProjectLimits,
    ) -> Kept:
        """Make files of what code wrote, and remember them as what the workspace holds.

        Args:
            connection: a writing transaction.
            key: of the workspace.
            project_id: whose.
            blobs: path below /mnt/data -> the bytes.
            limits: of projects that have none of their own.

        Raises:
            RequestError: none of it can be kept.
        """
        ...

    def keep_picture(
        self,
        connection: Connection,
        key: str,
        project_id: str,
        blob: Blob,
        limits: ProjectLimits,
    ) -> str:
        """Make a file of a PNG that was shown; return its id.

        Raises:
            RequestError: it cannot be kept.
        """
        ...

    def remove(
        self, connection: Connection, key: str, paths: Iterable[str], file_ids: Iterable[str]
    ) -> Sequence[str]:
        """Take files out of the workspace for good.

        Args:
            connection: a writing transaction.
            key: of the workspace.
            paths: those that are gone.
            file_ids: the inputs among them.

        Returns:
            Blobs that are to be discarded after the transaction.
        """
        ...


class ProjectFiles:
    """The `KeptFiles` of threads: files of the project, one more for each new state of a path."""

    def keep(
        self,
        connection: Connection,
        key: str,
        project_id: str,
        blobs: Mapping[str, Blob],
        limits: ProjectLimits,
    ) -> Kept:
        """Make files and remember them, both or neither; see `KeptFiles.keep`."""
        news = [
            make_new_file(project_id, blob, f"/mnt/data/{path}") for path, blob in blobs.items()
        ]
        files = rows.insert(connection, news, limits)
        kept = {path: file.id for path, file in zip(blobs, files, strict=True)}
        conversations.remember_written(connection, key, kept)
        return Kept(kept)

    def keep_picture(
        self,
        connection: Connection,
        key: str,
        project_id: str,
        blob: Blob,
        limits: ProjectLimits,
    ) -> str:
        """Make a file of a PNG; see `KeptFiles.keep_picture`."""
        (file,) = rows.insert(connection, [make_new_file(project_id, blob, None)], limits)
        return file.id

    def remove(
        self, connection: Connection, key: str, paths: Iterable[str], file_ids: Iterable[str]
    ) -> Sequence[str]:
        """Forget where files stood; they stay files of the project. See `KeptFiles.remove`."""
        conversations.remember_removed(connection, key, paths, file_ids)
        return ()


PROJECT_FILES = ProjectFiles()


def make_new_file(
    project_id: str, blob: Blob, filename: str | None, container_path: ContainerPath | None = None
) -> NewFile:
    """Return what becomes a file that code made.

    Args:
        project_id: whose.
        blob: its bytes.
        filename: None for a picture that was shown.
        container_path: where it stands in a container; None in a thread.
    """
    return NewFile(
        blob,
        project_id=project_id,
        filename=filename,
        purpose="assistants_output",
        created_at=clock.seconds(),
        container_path=container_path,
    )
