"""Quotes text that others wrote, such as the name of a file, so that it stays one line of data."""

# What would end or imitate the marks around a name in the lines that a model is told.
_MARKS = frozenset("'\"`\\;:[]<>")


def quote(text: str) -> str:
    r"""Return `text` as it is where it is harmless, else as a Python string literal.

    A literal is what code can use: `open('/mnt/data/a\nb.csv')`. Line breaks, control characters,
    invisible characters and those that change the direction of writing never come out as themselves.
    """
    harmless = text.isprintable() and text == text.strip() and _MARKS.isdisjoint(text)
    return text if harmless else repr(text)


def escape(text: str) -> str:
    """Return `text` with each character that does not print as Python escapes it, without quotes."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def quote_path(path: str) -> str:
    """Return where a file is for code, quoted; `path` is below /mnt/data."""
    return quote(f"/mnt/data/{path}")
