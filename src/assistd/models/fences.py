"""Finds fenced blocks of one language in text, also while the text is still streaming."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field

# A longer line is no fence: it keeps what is held back, and the work of looking again, small.
_LONGEST_FENCE = 200
_OPENING = re.compile(r"( *)(?:(`{3,})([^`\n]*)|(~{3,})([^\n]*))")
_MAYBE_OPENING = re.compile(r" *(?:`{0,2}|`{3,}[^`\n]*|~{0,2}|~{3,}[^\n]*)")
_CLOSING = re.compile(r" *(`+|~+)[ \t\r]*")
_MAYBE_CLOSING = re.compile(r" *(`*|~*)[ \t\r]*")


@dataclass(frozen=True, slots=True)
class Prose:
    """Text outside of the blocks; never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class BlockStarted:
    """A block begins; `label` is the one of the wanted labels that it bears."""

    label: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class BlockCode:
    """More code of the block; never empty."""

    code: str


@dataclass(frozen=True, slots=True)
class BlockEnded:
    """The block's closing fence was read, or, where `closed` is false, the text ended before it."""

    closed: bool


Piece = Prose | BlockStarted | BlockCode | BlockEnded


@dataclass(frozen=True, slots=True)
class _Fence:
    """The fence that opened the block we are in."""

    mark: str
    indent: int
    wanted: bool


class FenceParser:
    r"""Splits streamed Markdown into prose and the code of the blocks that bear certain labels.

    Other blocks are prose, and a wanted fence inside of them is prose too. A fence is closed
    only by a line of nothing but as many backticks (or tildes) or more, so backticks within a line
    of code are code. The line break before the closing fence belongs to the fence; all else,
    `\r\n` included, is passed on as it came. The indentation of the fence is taken off its lines.

    Text is held back only while it may turn out to be a fence.

    Args:
        labels: of the wanted blocks, in lower case; in the text they may stand in any case.
    """

    def __init__(self, labels: Collection[str]) -> None:
        self._labels = labels
        self._buffer = ""
        self._mid_line = False
        self._fence: _Fence | None = None
        self._line_break = ""  # held until the next line turns out not to be the closing fence
        self._pieces: list[Piece] = []

    def feed(self, text: str) -> list[Piece]:
        """Take more text and give what it decides, in order; neighbours of one kind are joined."""
        self._buffer += text
        while self._buffer and self._advance():
            pass
        return self._take()

    def finish(self) -> list[Piece]:
        """Say that the text has ended, and give what was held back."""
        line = self._buffer
        self._buffer = ""
        if self._fence is None:
            if self._mid_line or not self._opens(line):
                self._prose(line)
        elif not self._mid_line and self._is_cut_fence(line):
            self._close(line)
        else:
            self._content(line)
        if self._fence is not None and self._fence.wanted:
            self._pieces.append(BlockEnded(closed=False))
        self._fence = None
        return self._take()

    def _take(self) -> list[Piece]:
        pieces, self._pieces = self._pieces, []
        return pieces

    def _advance(self) -> bool:
        """Decide about the first line of the buffer, or part of it; False: more text is needed."""
        line, newline, rest = self._buffer.partition("\n")
        if self._mid_line:
            return self._pass_on(line, newline, rest)
        if not newline and len(line) <= _LONGEST_FENCE and self._may_be_fence(line):
            return False
        if newline and self._is_fence(line, newline):
            self._buffer = rest
            return True
        self._mid_line = True
        if self._fence is not None and self._fence.wanted:
            self._code(self._line_break)
            self._line_break = ""
            self._buffer = self._without_indent(self._buffer)
        return True

    def _pass_on(self, line: str, newline: str, rest: str) -> bool:
        in_code = self._fence is not None and self._fence.wanted
        if not newline:
            # A carriage return may be the first half of the line break before the closing fence.
            keep = in_code and line.endswith("\r")
            self._content(line[:-1] if keep else line)
            self._buffer = "\r" if keep else ""
            return False
        self._mid_line = False
        self._buffer = rest
        if not in_code:
            self._prose(line + newline)
        elif line.endswith("\r"):
            self._code(line[:-1])
            self._line_break = "\r\n"
        else:
            self._code(line)
            self._line_break = newline
        return True

    def _may_be_fence(self, line: str) -> bool:
        pattern = _MAYBE_OPENING if self._fence is None else _MAYBE_CLOSING
        return pattern.fullmatch(line) is not None

    def _is_fence(self, line: str, newline: str) -> bool:
        if len(line) > _LONGEST_FENCE:
            return False
        if self._fence is None:
            return self._opens(line, newline)
        match = _CLOSING.fullmatch(line)
        if match is None or not match[1].startswith(self._fence.mark):
            return False
        self._close(line + newline)
        return True

    def _is_cut_fence(self, line: str) -> bool:
        """Return whether the text ended within the closing fence, or just behind it."""
        match = _CLOSING.fullmatch(line)
        return match is not None and self._fence is not None and match[1][0] == self._fence.mark[0]

    def _opens(self, line: str, newline: str = "") -> bool:
        match = _OPENING.fullmatch(line)
        if match is None:
            return False
        label = (match[3] or match[5] or "").strip().lower().strip("{}.").split()
        name = label[0].rstrip("}") if label else ""
        wanted = name in self._labels
        self._fence = _Fence(match[2] or match[4], len(match[1]), wanted)
        if wanted:
            self._pieces.append(BlockStarted(name))
        else:
            self._prose(line + newline)
        return True

    def _close(self, line: str) -> None:
        assert self._fence is not None
        if self._fence.wanted:
            self._pieces.append(BlockEnded(closed=True))
        else:
            self._prose(line)
        self._fence = None
        self._line_break = ""

    def _without_indent(self, line: str) -> str:
        assert self._fence is not None
        spaces = len(line) - len(line.lstrip(" "))
        return line[min(spaces, self._fence.indent) :]

    def _content(self, text: str) -> None:
        if self._fence is not None and self._fence.wanted:
            self._code(self._line_break + (text if self._mid_line else self._without_indent(text)))
            self._line_break = ""
        else:
            self._prose(text)

    def _prose(self, text: str) -> None:
        if self._pieces and isinstance(last := self._pieces[-1], Prose):
            self._pieces[-1] = Prose(last.text + text)
        elif text:
            self._pieces.append(Prose(text))

    def _code(self, code: str) -> None:
        if self._pieces and isinstance(last := self._pieces[-1], BlockCode):
            self._pieces[-1] = BlockCode(last.code + code)
        elif code:
            self._pieces.append(BlockCode(code))


def find_blocks(text: str, labels: Collection[str]) -> list[tuple[str, str]]:
    """Return label and code of every block of these labels, in order; an unclosed one reaches to the end."""
    parser = FenceParser(labels)
    blocks: list[tuple[str, str]] = []
    for piece in [*parser.feed(text), *parser.finish()]:
        if isinstance(piece, BlockStarted):
            blocks.append((piece.label, ""))
        elif isinstance(piece, BlockCode):
            label, code = blocks[-1]
            blocks[-1] = (label, code + piece.code)
    return blocks
