"""The files in a /mnt/data, as a model is told of them: a line for each."""

from collections.abc import Iterator, Mapping

from assistd.engine.workspace.contents import Contents
from assistd.quoting import quote_path


def list_files(contents: Contents, previews: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines: what was given to the code first, then what code wrote.

    Args:
        contents: what stands there.
        previews: what is said of the inputs besides, by file id.
    """
    for each in contents.inputs:
        names = f"- {quote_path(each.name)} (also /mnt/data/{each.file.id})"
        preview = previews[each.file.id]
        yield f"{names}; {preview}" if preview else names
    for path in contents.written:
        yield f"- {quote_path(path)}"
