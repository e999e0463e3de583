"""A way out of errors whose own message leads a model nowhere: told as a note of the exception (PEP 678)."""

import re

_MOST = 2000  # characters of a message that are looked at
_ADVICE = (
    (
        ValueError,
        re.compile(
            r"Format '(?:xlsx?|ods|csv|tsv|docx?|pptx?)' is not supported \(supported formats:"
        ),
        "A figure is saved as a picture, such as name.png. A table is saved by its own method: "
        "table.to_excel('/mnt/data/name.xlsx', index=False).",
    ),
    (
        TypeError,
        re.compile(r"the dtypes of parameters x \(object\) and width"),
        "matplotlib draws no pandas periods: make texts of them with .astype(str).",
    ),
    (
        ModuleNotFoundError,
        re.compile(r"No module named "),
        "There is no internet to install it from: use the packages that are there.",
    ),
)


def advise(error: BaseException) -> None:
    """Add to an error what can be done about it, if that is known; harmless when repeated."""
    said = error.args[0] if error.args else None
    notes: object = getattr(error, "__notes__", [])
    if not (isinstance(said, str) and isinstance(notes, list)):
        return
    for kind, message, advice in _ADVICE:
        if type(error) is kind and message.match(said[:_MOST]) and advice not in notes:
            error.add_note(advice)
