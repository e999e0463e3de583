"""Which files a run's code sees in /mnt/data, and under which names (contract section 7)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from assistd.db import Connection, conversations, nouns
from assistd.db.transaction import transaction
from assistd.objects.file import File
from assistd.objects.run import Run

_MAX_NAME_BYTES = 255  # what a folder holds


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file for the code: it stands under `name`, and under its id."""

    name: str
    file: File


@transaction(short=True)
def input_files(connection: Connection, run: Run, given: Mapping[str, str]) -> list[InputFile]:
    """The run's files and its thread's, each once; left out are deleted ones, and those code removed.

    Two files of one name are told apart: the second is `name-2.csv`. A name that the live session
    has given to a file stays that file's, whichever run asks.

    Args:
        connection: a transaction.
        run: the run.
        given: file id -> name, as the thread's session has them.
    """
    thread = nouns.threads.find(connection, run.thread_id)
    thread_ids = thread.tool_resources.file_ids if thread else ()
    found: list[InputFile] = []
    taken = set(given.values())
    wanted = dict.fromkeys(run.tool_resources.file_ids + thread_ids)
    removed = conversations.removed(connection, run.thread_id) if wanted else ()
    for file_id in wanted:
        file = None if file_id in removed else nouns.files.find(connection, file_id)
        if file:
            name = given.get(file.id) or _free_name(_proper_name(file), taken)
            taken.add(name)
            found.append(InputFile(name, file))
    return found


def _proper_name(file: File) -> str:
    """The file's own name where a folder can hold it, else its id with the name's ending."""
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
