"""What stands in a workspace's /mnt/data, as the database has it, and under which names (contract section 7)."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from assistd.db import Connection, conversations, nouns
from assistd.db.transaction import transaction
from assistd.objects.file import File

_MAX_NAME_BYTES = 255  # what a folder holds


@dataclass(frozen=True, slots=True)
class Scope:
    """Which workspace, and on whose behalf.

    Args:
        key: of the workspace: the id of what it belongs to, such as a thread.
        project_id: who owns its files, and pays for its sessions.
        find_key_id: reads, in a transaction, on which API key a new session is billed; None: on none.
        read_file_ids: reads, in a transaction, which files are given to the code; names are given to
            them in that order.
    """

    key: str
    project_id: str
    find_key_id: Callable[[Connection], str | None] = lambda _: None
    read_file_ids: Callable[[Connection], Iterable[str]] = lambda _: ()


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file that is given to the code: it stands under `name`, and under its id."""

    name: str
    file: File


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
    has given to a file stays that file's, whoever asks.

    Args:
        connection: a transaction.
        scope: the workspace.
        names: file id -> name, as the live session has them.
    """
    found: list[InputFile] = []
    taken = set(names.values())
    wanted = dict.fromkeys(scope.read_file_ids(connection))
    removed = conversations.find_removed(connection, scope.key) if wanted else ()
    for file_id in wanted:
        file = None if file_id in removed else nouns.files.find(connection, file_id)
        if file:
            name = names.get(file.id) or _free_name(_proper_name(file), taken)
            taken.add(name)
            found.append(InputFile(name, file))
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


def _proper_name(file: File) -> str:
    """Return the file's own name where a folder can hold it, else its id with the name's ending."""
    name = PurePosixPath(file.filename).name
    if name and name != ".." and "\0" not in name and len(name.encode()) <= _MAX_NAME_BYTES:
        return name
    suffix = PurePosixPath(name).suffix
    return f"{file.id}{suffix}" if len(suffix) < 16 and "\0" not in suffix else f"{file.id}.data"


def _free_name(name: str, taken: Collection[str]) -> str:
    path, number = PurePosixPath(name), 2
    while name in taken:
        ending = f"-{number}{path.suffix}"
        room = _MAX_NAME_BYTES - len(ending.encode())
        name = path.stem.encode()[:room].decode(errors="ignore") + ending
        number += 1
    return name
