"""What stands in a workspace's /mnt/data, as the database has it, and under which names (contract section 7)."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Protocol

from assistd.db import Connection, conversations, nouns
from assistd.db.transaction import transaction
from assistd.engine.workspace.kept_files import PROJECT_FILES, KeptFiles
from assistd.objects.file import File

MAX_NAME_BYTES = 255
"""What a name in a folder may have."""


class Life(Protocol):
    """The life of a workspace that begins and ends by itself, as that of a container does.

    Each method is part of a writing transaction.
    """

    memory_gib: int
    """The tier of memory that its sessions are billed as."""

    memory_bytes: int
    """What a session may have, unless its project may have less."""

    def begin(self, connection: Connection) -> bool:
        """Note that a cell begins; return whether the workspace lives anew, without its old session.

        Raises:
            SandboxError: the workspace was deleted.
        """
        ...

    def end(self, connection: Connection) -> None:
        """Note that a cell ended."""
        ...

    def find_start(self, connection: Connection) -> int:
        """Return since when it lives (Unix seconds): one session is billed since."""
        ...


@dataclass(frozen=True, slots=True)
class Scope:
    """Which workspace, and on whose behalf.

    Args:
        key: of the workspace: the id of what it belongs to, such as a thread or a container.
        project_id: who owns its files, and pays for its sessions.
        find_key_id: reads, in a transaction, on which API key a new session is billed; None: on none.
        read_file_ids: reads, in a transaction, which files are given to the code; names are given to
            them in that order.
        find_aliases: reads, in a transaction, under which names besides its own and its id the code
            can open such a file.
        files: makes files of what code made.
        life: of the workspace, if it has one of its own.
    """

    key: str
    project_id: str
    find_key_id: Callable[[Connection], str | None] = lambda _: None
    read_file_ids: Callable[[Connection], Iterable[str]] = lambda _: ()
    find_aliases: Callable[[Connection, str], Sequence[str]] = lambda _, __: ()
    files: KeptFiles = PROJECT_FILES
    life: Life | None = None


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file that is given to the code: it stands under `name`, under its id, and under `aliases`."""

    name: str
    file: File
    aliases: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Contents:
    """What stands in a /mnt/data.

    Args:
        inputs: the files that are given to the code.
        written: those that code wrote: path -> newest file id, in the order of writing.
    """

    inputs: tuple[InputFile, ...] = ()
    written: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def uploads(self) -> dict[str, str]:
        """The files that are given to the code: name -> file id."""
        return {each.name: each.file.id for each in self.inputs}


@transaction(short=True)
def read_contents(connection: Connection, scope: Scope, names: Mapping[str, str]) -> Contents:
    """Return what stands in a /mnt/data; `names` are those that its live session gave to files."""
    inputs = read_inputs(connection, scope, names)
    return Contents(inputs, conversations.find_written(connection, scope.key))


@transaction(short=True)
def read_inputs(
    connection: Connection, scope: Scope, names: Mapping[str, str]
) -> tuple[InputFile, ...]:
    """Return the given files, each once; deleted ones, and those code removed, are left out.

    Two files of one name are told apart: the second is `name-2.csv`. A name that the live session
    has given to a file stays that file's, whoever asks; in a container until the file is deleted.

    Args:
        connection: a transaction.
        scope: the workspace.
        names: file id -> name, as the live session has them.
    """
    found: list[InputFile] = []
    wanted = dict.fromkeys(scope.read_file_ids(connection))
    given = names.keys() if scope.life is None else names.keys() & wanted.keys()
    taken = {names[file_id] for file_id in given}
    removed = conversations.find_removed(connection, scope.key) if wanted else ()
    for file_id in wanted:
        file = None if file_id in removed else nouns.files.find(connection, file_id)
        if file:
            name = names.get(file.id) or _free_name(make_proper_name(file.id, file.filename), taken)
            taken.add(name)
            found.append(InputFile(name, file, scope.find_aliases(connection, file.id)))
    return tuple(found)


@transaction(short=True)
def read_all_files(
    connection: Connection, scope: Scope
) -> tuple[tuple[InputFile, ...], dict[str, File]]:
    """Return the files that a new session is given: inputs, then what code wrote, by path.

    What code wrote comes in the order of writing; deleted files are left out.
    """
    found = {
        path: nouns.files.find(connection, file_id)
        for path, file_id in conversations.find_written(connection, scope.key).items()
    }
    inputs = read_inputs(connection, scope, {})
    return inputs, {path: file for path, file in found.items() if file}


def make_proper_name(file_id: str, filename: str) -> str:
    """Return the file's own name where a folder can hold it, else its id with the name's ending."""
    name = PurePosixPath(filename).name
    if name and name != ".." and "\0" not in name and len(name.encode()) <= MAX_NAME_BYTES:
        return name
    suffix = PurePosixPath(name).suffix
    return f"{file_id}{suffix}" if len(suffix) < 16 and "\0" not in suffix else f"{file_id}.data"


def _free_name(name: str, taken: Collection[str]) -> str:
    path, number = PurePosixPath(name), 2
    while name in taken:
        ending = f"-{number}{path.suffix}"
        room = MAX_NAME_BYTES - len(ending.encode())
        name = path.stem.encode()[:room].decode(errors="ignore") + ending
        number += 1
    return name
