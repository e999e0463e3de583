"""How a preview words what others wrote: short, on one line, as data."""

from collections.abc import Iterable, Sequence

from assistd.quoting import escape

MOST_CHARACTERS = 300
_MOST_OF_A_NAME = 80


def shorten(text: str, most: int = MOST_CHARACTERS) -> str:
    """Return `text` as one line of about `most` characters; as a string literal where it holds a `;`.

    In a preview a `;` ends a line: what is in a literal cannot pass for the next, or for words of ours.
    """
    part = text[: most + 1]
    mark = repr(part)[0] if ";" in part else ""
    line = repr(part)[1:-1] if mark else escape(part)
    return f"{mark}{line if len(line) <= most else f'{line[: most - 3]}...'}{mark}"


def literal(name: str) -> str:
    """Return a name as a Python string literal; of a very long one its beginning."""
    return repr(name if len(name) <= _MOST_OF_A_NAME else f"{name[:_MOST_OF_A_NAME]}...")


def literals(names: Sequence[str], most: int = MOST_CHARACTERS) -> str:
    """Return names as a Python list, of which the end is left out where it gets long."""
    shown: list[str] = []
    length = 0
    for name in names:
        written = literal(name)
        length += len(written) + 2
        if shown and length > most:
            return f"[{', '.join(shown)}, ...]"
        shown.append(written)
    return f"[{', '.join(shown)}]"


def call(function: str, path: str, options: Iterable[tuple[str, object]] = ()) -> str:
    """Return the call that reads the file at `path`, ready to be copied: small models copy."""
    written = "".join(f", {name}={value!r}" for name, value in options)
    return f"{function}({path!r}{written})"
