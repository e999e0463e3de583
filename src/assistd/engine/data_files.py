"""Which files a run's code sees in /mnt/data, and under which names (contract section 7)."""

from dataclasses import dataclass
from pathlib import PurePosixPath

from assistd.db import Connection, nouns
from assistd.objects.file import File
from assistd.objects.run import Run


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file for the code: it stands under `name`, and under its id."""

    name: str
    file: File


def input_files(connection: Connection, run: Run) -> list[InputFile]:
    """The run's files and its thread's, each once; deleted ones are left out.

    Two files of one name are told apart: the second is `name-2.csv`.
    """
    thread = nouns.threads.find(connection, run.thread_id)
    thread_ids = thread.tool_resources.file_ids if thread else ()
    found: list[InputFile] = []
    taken: set[str] = set()
    for file_id in dict.fromkeys(run.tool_resources.file_ids + thread_ids):
        file = nouns.files.find(connection, file_id)
        if file:
            name = _free_name(PurePosixPath(file.filename).name or file.id, taken)
            taken.add(name)
            found.append(InputFile(name, file))
    return found


def _free_name(name: str, taken: set[str]) -> str:
    path, number = PurePosixPath(name), 2
    while name in taken:
        name = f"{path.stem}-{number}{path.suffix}"
        number += 1
    return name
