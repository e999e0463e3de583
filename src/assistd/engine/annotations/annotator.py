"""Annotates an answer while it streams: its citations of search results, and its links to files."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from assistd.engine.annotations.citations import CitationFinder, Source
from assistd.engine.annotations.links import LinkFinder, Piece
from assistd.engine.annotations.support import find_support


@dataclass(frozen=True, slots=True)
class Citable:
    """What an answer may cite.

    Args:
        sources: all search results that its model was shown, in the order of calls and results.
        own: those of them that were found for this answer.
        question: what it answers.
    """

    sources: Sequence[Source] = ()
    own: Sequence[Source] = ()
    question: str = ""


class Annotator:
    """Splits streamed text so that each link and each citation travels in one piece with its annotation.

    Args:
        links: finds links to files.
        citable: what the text may cite; None: nothing, and what looks like a citation is text.
    """

    def __init__(self, links: LinkFinder, citable: Citable | None) -> None:
        self._links = links
        self._citable = citable
        self._citations = CitationFinder(citable.sources) if citable else None

    @property
    def is_slow_at_end(self) -> bool:
        """Whether `end` takes long: call it in a thread."""
        return self._links.has_many_paths or self._lacks_citation

    @property
    def _lacks_citation(self) -> bool:
        found, own = self._citations, self._citable and self._citable.own
        return bool(found and own and not found.cited)

    def feed(self, text: str) -> list[Piece]:
        """Take more text; return the pieces that may be sent on."""
        if self._citations is None:
            return self._links.feed(text)
        return self._link(self._citations.feed(text))

    def end(self, *, may_add: bool) -> list[Piece]:
        """Return the rest, as no more text comes.

        Args:
            may_add: whether markers may be added to a text that cites nothing, of the results that
                support what it says.
        """
        pieces = self._link(self._citations.end()) if self._citations else []
        if may_add and self._citations and self._citable and self._lacks_citation:
            text, citable = self._citations.text, self._citable
            support = find_support(text, citable.question, citable.own)
            pieces += self._link(self._citations.add(support))
        return pieces + self._links.end()

    def _link(self, pieces: Iterable[Piece]) -> list[Piece]:
        linked: list[Piece] = []
        for piece in pieces:
            links = self._links
            linked += links.pass_over(piece) if piece.annotation else links.feed(piece.text)
        return linked
