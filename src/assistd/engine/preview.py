"""The first line of a table, so that a model knows its columns without a call to look at them."""

from collections.abc import Iterable
from contextlib import aclosing

from assistd.engine.data_files import InputFile
from assistd.errors import NotFoundError
from assistd.files.store import FileStore

_TABLES = (".csv", ".tsv")
_MOST_CHARACTERS = 300


async def first_lines(files: FileStore, inputs: Iterable[InputFile]) -> dict[str, str]:
    """The first line of each CSV or TSV among `inputs`, by file id.

    A file whose first line is long, empty or no text has none. Small models guess column names
    when they are not told, and then repeat the guess; see decision 0011.
    """
    tables = [each.file for each in inputs if each.name.lower().endswith(_TABLES)]
    lines: dict[str, str] = {}
    for file in tables:
        try:
            async with aclosing(files.read(file)) as chunks:
                head = await anext(chunks, b"")
        except NotFoundError:  # deleted since it was listed
            continue
        if line := _first_line(head):
            lines[file.id] = line
    return lines


def _first_line(head: bytes) -> str:
    line = head.partition(b"\n")[0].removeprefix(b"\xef\xbb\xbf").strip()
    try:
        text = line.decode()
    except UnicodeDecodeError:
        return ""
    plain = text.replace("\t", " ").isprintable()
    return text if plain and len(text) <= _MOST_CHARACTERS else ""
