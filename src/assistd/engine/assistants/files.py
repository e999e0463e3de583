"""The files of threads and assistants: which there may be, and how many."""

from collections.abc import Sequence

from assistd.db import Connection, nouns
from assistd.errors import RequestError

MAX_FILES = 20
"""Files for the code interpreter on one thread or assistant (contract section 3)."""


def require(connection: Connection, project_id: str, file_ids: Sequence[str]) -> None:
    """Require that every file exists in the project.

    Raises:
        NotFoundError: one does not.
        RequestError: there are more than a thread or an assistant may have.
    """
    require_room(file_ids)
    require_known(connection, project_id, file_ids)


def require_known(connection: Connection, project_id: str, file_ids: Sequence[str]) -> None:
    """Require that every file exists in the project; files of containers stay in their container.

    Raises:
        NotFoundError: one does not.
    """
    for file_id in file_ids:
        nouns.files.get(connection, file_id, project_id=project_id, container_id="")


def require_room(file_ids: Sequence[str]) -> None:
    """Require that there are not more files than a thread or an assistant may have.

    Raises:
        RequestError: there are.
    """
    count = len(set(file_ids))
    if count > MAX_FILES:
        raise RequestError(
            f"Invalid 'file_ids': array too long. Expected an array with maximum length {MAX_FILES}, "
            f"but got an array with length {count} instead.",
            param="file_ids",
            code="array_above_max_length",
        )
