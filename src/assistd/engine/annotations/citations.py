"""Finds citations of search results in text that streams, well-formed or nearly so."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from assistd.engine.annotations.links import Piece
from assistd.engine.annotations.spellings import CodeBlocks
from assistd.objects.message import CitedFile, FileCitation

_OPENING = re.compile(r"[【〖\[\uff3b]")
_STRONG = "【〖"
_CLOSINGS = {"【": "】〗", "〖": "】〗", "[": "]\uff3d", "\uff3b": "]\uff3d"}
_ANY_CLOSING = re.compile(r"[】〗\]\uff3d]")
_REACH = 320  # characters of the longest marker
_NOT_IN_NAMES = re.compile("[\x00-\x1f\x7f【】〖〗†‡]")

# `4:0†name`, `4:0`, `0†name`, `0`, `†name`
_ITEM = re.compile(r"\s*(?:(?:(\d{1,4})\s*[:\uff1a]\s*)?(\d{1,4}))?\s*(?:[†‡]\s*(.*?))?\s*")
_NEXT_ITEM = re.compile(r"\s*[,\uff0c;\uff1b、]\s*(?=\d{1,4}\s*[:\uff1a]\s*\d)")
_HEAD = re.compile(r"\s*(?:(\d{1,4})\s*[:\uff1a]\s*)?(\d{1,4})\s*[†‡]\s*")
_CUT_OFF = re.compile(r"\s*\d{1,4}\s*(?:[:\uff1a]\s*\d{0,4}\s*)?")
_BEGINNING = re.compile(
    r"\s*(?:\d{1,4}\s*(?:[:\uff1a]\s*(?:\d{1,4}\s*(?:[†‡,\uff0c;\uff1b、].*)?)?|[†‡].*)?|[†‡].*)?"
)
_PAIR = re.compile(r"\s*\d{1,4}\s*[:\uff1a]\s*\d")


@dataclass(frozen=True, slots=True)
class Source:
    """A search result as a model was shown it, which an answer may cite.

    Args:
        number: tells the calls of a conversation apart; the first number of its marker.
        index: its position among the results of the call; the second number.
        file_id: the file that it is a part of.
        filename: the file's name.
        text: the part.
        page: the page that its best passage is on; None where the file has no pages.
    """

    number: int
    index: int
    file_id: str
    filename: str
    text: str
    page: int | None = None

    @property
    def name(self) -> str:
        """The file's name, without what would end the marker that holds it."""
        return _NOT_IN_NAMES.sub("_", self.filename)

    @property
    def marker(self) -> str:
        """The text that cites it (file-search contract section 6)."""
        return f"【{self.number}:{self.index}†{self.name}】"

    def cite(self, start: int) -> Piece:
        """Return its marker with the annotation, where it begins at code point `start` of a text."""
        marker = self.marker
        citation = FileCitation(
            text=marker,
            start_index=start,
            end_index=start + len(marker),
            file_citation=CitedFile(file_id=self.file_id, page=self.page),
        )
        return Piece(marker, citation)


@dataclass(frozen=True, slots=True)
class _Reading:
    """What stands at an opening bracket: so many characters that cite these, or that cite nothing."""

    length: int
    cited: tuple[Source, ...] = ()


_TEXT = _Reading(0)


class CitationFinder:
    """Makes markers of what cites a search result, each a piece of its own with its annotation.

    A marker is `【4:0†name】`, and stands so in the text that comes out, however the model wrote it:
    `[4:0]`, `【0】`, `【4:0, 4:2】`, `【name】`. What has the form of a marker and fits no result is
    taken out. What only looks a little like one, such as `[12:30]`, is left alone unless it fits a
    result and stands outside code, behind other words. Text is held back only while it may still
    become a marker. Indices count code points of the text that comes out (trap 15).

    Args:
        sources: what may be cited, in the order of calls and results.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._by_numbers = {(each.number, each.index): each for each in sources}
        self._last_number = max((each.number for each in sources), default=0)
        self._by_name: dict[str, Source | None] = {}
        for each in sources:
            first = self._by_name.setdefault(each.name, each)
            if first and first.file_id != each.file_id:
                self._by_name[each.name] = None  # of two files: the numbers must tell
        self._code_blocks = CodeBlocks()
        self._held = ""
        self.text = ""
        """What came out so far."""
        self.cited: list[Source] = []
        """What was cited so far, in the order of the text."""

    def feed(self, text: str) -> list[Piece]:
        """Take more text; return the pieces that may be sent on."""
        self._held += text
        return list(_join(self._split(ended=False)))

    def end(self) -> list[Piece]:
        """Return the rest, as no more text comes."""
        return list(_join(self._split(ended=True)))

    def add(self, sources: Iterable[Source]) -> Iterator[Piece]:
        """Cite these results at the end of the text."""
        for source in sources:
            self.cited.append(source)
            yield self._release_piece(source.cite(len(self.text)))

    def _split(self, *, ended: bool) -> Iterator[Piece]:
        text, at = self._held, 0
        while opening := _OPENING.search(text, at):
            start = opening.start()
            yield self._release(text[at:start])
            reading = self._read(text, start, ended=ended)
            if reading is None:
                self._held = text[start:]
                return
            at = start + reading.length
            yield from self.add(reading.cited)
            if not reading.length:
                at = start + 1
                yield self._release(text[start:at])
        self._held = ""
        yield self._release(text[at:])

    def _release(self, text: str) -> Piece:
        return self._release_piece(Piece(text))

    def _release_piece(self, piece: Piece) -> Piece:
        self.text += piece.text
        return piece

    def _read(self, text: str, start: int, *, ended: bool) -> _Reading | None:
        """Return what stands at an opening bracket, before which all was sent; None while undecided.

        A reading of no length is text like any other.
        """
        bracket, rest = text[start], text[start + 1 : start + _REACH]
        line, broken, _ = rest.partition("\n")
        decided = ended or bool(broken) or len(rest) == _REACH - 1
        closing = re.search(f"[{_CLOSINGS[bracket]}]", line)
        if closing is None and not decided:
            return None if self._may_become_marker(line) else _TEXT
        if closing is None and bracket in _STRONG and _HEAD.match(line):
            closing = _ANY_CLOSING.search(line)  # of another kind
        if closing is None:
            is_last = not broken and len(rest) < _REACH - 1
            return self._read_unclosed(bracket, line, is_last=is_last)
        inner, end = line[: closing.start()], start + 1 + closing.end()
        if bracket == "[" and inner.strip() in self._by_name:
            if len(text) == end and not ended:
                return None
            if text[end : end + 1] == "(":
                return _TEXT  # a link
        return self._read_closed(bracket, inner, end - start)

    def _may_become_marker(self, inner: str) -> bool:
        begun = inner.strip()
        return bool(_BEGINNING.fullmatch(inner)) or any(
            name.startswith(begun) for name in self._by_name
        )

    def _read_closed(self, bracket: str, inner: str, length: int) -> _Reading:
        items = [_ITEM.fullmatch(item) for item in _NEXT_ITEM.split(inner)]
        has_form = None not in items and any(each.isdigit() or each in "†‡" for each in inner)
        cited = tuple(found for item in items if item and (found := self._find(*item.groups())))
        if has_form and self._is_marker(bracket, inner):
            return _Reading(length, cited)
        if not has_form or not (bracket in _STRONG or _PAIR.match(inner)):
            named = self._by_name.get(inner.strip())
            cited = (named,) if named else ()
        if not cited or self._is_elsewhere():
            return _TEXT
        return _Reading(length, cited)

    def _is_marker(self, bracket: str, inner: str) -> bool:
        """Whether it can be nothing but a marker, also where it fits no result."""
        is_strong = bracket in _STRONG
        if re.search("[†‡]", inner):
            return is_strong or bool(_HEAD.match(inner))
        return (
            is_strong and bool(_PAIR.match(inner) and self._by_numbers) and not self._is_elsewhere()
        )

    def _read_unclosed(self, bracket: str, line: str, *, is_last: bool) -> _Reading:
        """Return what a marker is that nothing closes: its numbers, and what is there of its name."""
        head = _HEAD.match(line)
        if not head:
            is_cut_off = is_last and bracket in _STRONG and _CUT_OFF.fullmatch(line)
            return _Reading(1 + len(line)) if is_cut_off else _TEXT
        source = self._find(head[1], head[2], "")
        if source is None:
            return _Reading(1 + head.end())
        tail = line[head.end() :]
        name = source.name if tail.startswith(source.name) else ""
        if is_last and source.name.startswith(tail):
            name = tail
        return _Reading(1 + head.end() + len(name), (source,))

    def _find(self, number: str | None, index: str | None, name: str | None) -> Source | None:
        """Return the result that is meant; models copy names better than they count."""
        key = (int(number) if number else self._last_number, int(index) if index else -1)
        source, named = self._by_numbers.get(key), self._by_name.get(name or "")
        return named if named and (source is None or source.name != name) else source

    def _is_elsewhere(self) -> bool:
        """Whether all that was sent ends where nobody cites: at the start of a line, or in code."""
        line = self.text[self.text.rfind("\n") + 1 :]
        if not line.strip(" \t#*>•-") or line.count("`") % 2:
            return True
        return self._code_blocks.hold(self.text, len(self.text))


def _join(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Yield the pieces, with neighbours that are plain text as one, and none that is empty."""
    text = ""
    for piece in pieces:
        if piece.annotation is None:
            text += piece.text
            continue
        if text:
            yield Piece(text)
        text = ""
        yield piece
    if text:
        yield Piece(text)
