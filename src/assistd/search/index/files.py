"""Files of SQLite, one for each project, that are made anew where they are missing, damaged or outdated."""

import contextlib
import os
import re
import sqlite3
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Concatenate, NamedTuple, ParamSpec, TypeVar

from assistd.errors import AssistdError, StorageFullError
from assistd.logs import Logger, failure

P = ParamSpec("P")
R = TypeVar("R")

log = Logger()

_PATIENCE_SECONDS = 30.0  # with another process that writes to the same file
_IDLE_CONNECTIONS = 16
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_NAME = re.compile("[A-Za-z0-9_-]{1,100}")
_SETTINGS = (
    "journal_mode = WAL",
    "synchronous = NORMAL",
    "temp_store = MEMORY",
    "mmap_size = 268435456",
)


class _File(NamedTuple):
    """A connection, and the file that it was opened on: another may be at its path by now."""

    connection: sqlite3.Connection
    inode: int


class ProjectFiles:
    """Runs functions of the form `f(connection, ...)`, each in one transaction on the file of a project.

    Threads and processes may do so at once. A function may run twice, where a file turns out to be damaged.

    Args:
        folder: of the files; made where it is missing.
        schema: the statements that make an empty file.
        version: of the schema; a file of another version is replaced by an empty one.
    """

    def __init__(self, folder: Path, schema: str, version: int) -> None:
        self._folder = folder
        self._schema = schema
        self._version = version
        self._lock = threading.Lock()
        self._idle: list[tuple[str, _File]] = []

    def read(
        self,
        project_id: str,
        function: Callable[Concatenate[sqlite3.Connection, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Return the result of `function(connection, ...)`, which changes nothing.

        Raises:
            AssistdError: the file cannot be used.
        """
        return self._run(project_id, "BEGIN", lambda file: function(file, *args, **kwargs))

    def write(
        self,
        project_id: str,
        function: Callable[Concatenate[sqlite3.Connection, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Return the result of `function(connection, ...)`; what it wrote is committed if it does not raise.

        Raises:
            StorageFullError: the disk has no room.
            AssistdError: the file cannot be used.
        """
        return self._run(
            project_id, "BEGIN IMMEDIATE", lambda file: function(file, *args, **kwargs)
        )

    def remove(self, project_id: str) -> None:
        """Remove the file of a project."""
        self._unlink(self._path(project_id))

    def close(self) -> None:
        """Close the connections that nobody uses."""
        with self._lock:
            idle, self._idle = self._idle, []
        for _, file in idle:
            file.connection.close()

    def _run(self, project_id: str, begin: str, call: Callable[[sqlite3.Connection], R]) -> R:
        path = self._path(project_id)
        with _translating_errors():
            try:
                return self._try(project_id, path, begin, call)
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):
                    raise
                log.warning(
                    "a file of the search index is damaged: it is made anew", **failure(error)
                )
            self._unlink(path)
            return self._try(project_id, path, begin, call)

    def _try(
        self, project_id: str, path: Path, begin: str, call: Callable[[sqlite3.Connection], R]
    ) -> R:
        file = self._take(project_id, path)
        try:
            file.connection.execute(begin)
            result = call(file.connection)
            file.connection.execute("COMMIT")
        except BaseException:
            file.connection.close()  # which rolls back
            raise
        self._give_back(project_id, file)
        return result

    def _take(self, project_id: str, path: Path) -> _File:
        """Return a connection to the file that is at the path now."""
        inode = _inode(path)
        with self._lock:
            mine = [each for each in self._idle if each[0] == project_id]
            for each in mine:
                self._idle.remove(each)
                if each[1].inode == inode:
                    return each[1]
                each[1].connection.close()
        return self._open(path)

    def _give_back(self, project_id: str, file: _File) -> None:
        with self._lock:
            self._idle.append((project_id, file))
            rest, self._idle = self._idle[:-_IDLE_CONNECTIONS], self._idle[-_IDLE_CONNECTIONS:]
        for _, oldest in rest:
            oldest.connection.close()

    def _open(self, path: Path) -> _File:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        connection = sqlite3.connect(
            path, _PATIENCE_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            if not self._is_current(connection) and not self._make(connection):
                connection.close()
                self._unlink(path)  # of another version
                return self._open(path)
            for setting in _SETTINGS:
                connection.execute(f"PRAGMA {setting}")
        except BaseException:
            connection.close()
            raise
        inode = _inode(path)
        if inode is None:  # removed by another process in this moment
            connection.close()
            return self._open(path)
        return _File(connection, inode)

    def _is_current(self, connection: sqlite3.Connection) -> bool:
        return connection.execute("PRAGMA user_version").fetchone()[0] == self._version

    def _make(self, connection: sqlite3.Connection) -> bool:
        """Make the tables in an empty file; False where it has others."""
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("BEGIN IMMEDIATE")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            for statement in self._schema.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {self._version}")
        connection.execute("COMMIT")
        return version in {0, self._version}

    def _path(self, project_id: str) -> Path:
        assert _NAME.fullmatch(project_id)  # it is one of ours, and now a name of a file
        return self._folder / f"{project_id}.sqlite3"

    @staticmethod
    def _unlink(path: Path) -> None:
        for ending in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{path}{ending}")


def _inode(path: Path) -> int | None:
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return None


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _DAMAGE


@contextlib.contextmanager
def _translating_errors() -> Generator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if "is full" in str(error):
            raise StorageFullError from error
        raise AssistdError(f"The search index cannot be used: {error}.") from error
    except (sqlite3.DatabaseError, OSError) as error:
        raise AssistdError("The search index cannot be used.") from error
