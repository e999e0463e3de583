"""A way out of errors whose own message leads a model nowhere: one sentence, as a note of the exception.

A rule says which errors it is about and what to do (PEP 678). The first that matches counts; it is
looked for from the last error that a reader sees to the first that was raised. Rules run only once a
cell has failed. What they look at is untrusted, so an error in here is dropped and the cell's own stays.
"""

import warnings

from assistd.sandbox.guest.advice import (
    data,
    encodings,
    files,
    formats,
    modules,
    network,
    plotting,
    programs,
    tables,
    versions,
)
from assistd.sandbox.guest.advice.failure import Failure
from assistd.sandbox.guest.advice.rule import Rule

_MOST = 900  # characters of a sentence
_RULES: tuple[Rule, ...] = (
    *network.RULES,
    *programs.RULES,
    *modules.RULES,
    *versions.RULES,
    *plotting.RULES,
    *encodings.RULES,
    *files.RULES,
    *tables.RULES,
    *data.RULES,
    *formats.RULES,
)


def advise(error: BaseException, cell: str) -> None:
    """Add to an error what can be done about it, if that is known; harmless when repeated.

    Args:
        error: what ended the cell; errors that it came from are looked at too.
        cell: the code of the cell.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            advice = _find(Failure(error, cell))
        notes = getattr(error, "__notes__", [])
        if advice and isinstance(notes, list) and advice not in notes:
            error.add_note(advice)
    except BaseException:  # noqa: BLE001, S110  also an interrupt: the cell has ended, its error is to be shown
        pass


def _find(failure: Failure) -> str | None:
    for error in failure.chain:
        failure.look_at(error)
        for rule in _RULES:
            if advice := rule.apply(failure):
                return advice[:_MOST]
    return None
