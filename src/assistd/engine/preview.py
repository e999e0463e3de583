"""The first line of a table, so that a model knows its columns without a call to look at them."""

from collections.abc import Iterable
from contextlib import aclosing

from assistd.engine.data_files import InputFile
from assistd.errors import NotFoundError
from assistd.files.store import FileStore

_TABLES = (".csv", ".tsv")
_MOST_CHARACTERS = 300


async def read_first_lines(
    files: FileStore, inputs: Iterable[InputFile], lines: dict[str, str]
) -> None:
    """Add the first line of each CSV or TSV among `inputs` to `lines`, by file id.

    A file whose first line is long, empty or no text has an empty one. Small models guess column
    names when they are not told, and then repeat the guess; see decision 0011.
    """
    tables = [each.file for each in inputs if each.name.lower().endswith(_TABLES)]
    for file in tables:
        if file.id in lines:
            continue
        try:
            async with aclosing(files.read(file)) as chunks:
                lines[file.id] = _first_line(await anext(chunks, b""))
        except NotFoundError:  # deleted since it was listed
            continue


def _first_line(head: bytes) -> str:
    line = head.partition(b"\n")[0].removeprefix(b"\xef\xbb\xbf").strip()
    try:
        text = line.decode()
    except UnicodeDecodeError:
        return ""
    plain = text.replace("\t", " ").isprintable()
    return text if plain and len(text) <= _MOST_CHARACTERS else ""
