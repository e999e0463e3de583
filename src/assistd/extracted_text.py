"""The text of a document, as it was taken out of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TextPage:
    """A page of a document.

    Args:
        number: as readers count, from 1.
        start: where its text begins, in code points of the whole.
        end: where its text ends.
    """

    number: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ExtractedText:
    """The text of a document.

    Args:
        text: of all pages.
        pages: in their order; none where the format has no pages.
    """

    text: str
    pages: tuple[TextPage, ...] = ()
