"""Repairs of code that is no Python for a slip in how it was sent: a fence, an escape, a space, a quote.

The guest finds which repairs make a cell valid; the server, told their numbers, makes the same text of
the code that it sent. So what a step shows as run is never a text that a session made up. A repair
changes marks and spaces, and turns prose into comments; it drops nothing that could be code.
"""

# ruff: noqa: RUF001  signs that look like others are what this is about

import html
import itertools
import re
import time
from collections.abc import Callable

LIMIT = 30_000
"""Characters of code that are repaired; longer code stays as it is."""

_SECONDS = 1.0  # for finding a repair

_TRIPLE = r"""(?P<triple>'{3}|"{3})(?:\\.|[^\\]|\\\Z)*?(?:(?P=triple)|\Z)"""
_SINGLE = r"""'(?:\\.|[^'\\\n])*+(?:'|(?=\n)|\\?\Z)|"(?:\\.|[^"\\\n])*+(?:"|(?=\n)|\\?\Z)"""
_DOUBLE_MARKS = "“”„‟″＂"
_SINGLE_MARKS = "‘’‚‛′＇"
_CURLY = (
    f"(?P<double>[{_DOUBLE_MARKS}][^{_DOUBLE_MARKS}\n]*[{_DOUBLE_MARKS}])"
    f"|(?P<single>[{_SINGLE_MARKS}][^{_SINGLE_MARKS}\n]*[{_SINGLE_MARKS}])"
)
_COMMENT = r"#[^\n]*"
_ENTITY = re.compile(
    rf"{_TRIPLE}|{_SINGLE}|{_COMMENT}|&quot;(?P<text>(?:(?!&quot;)[^\n])*)&quot;"
    r"|(?P<entity>&(?:lt|gt|amp|quot|apos|nbsp|#39|#x27|#34);)",
    re.DOTALL,
)
_ESCAPE = re.compile(
    rf"{_TRIPLE}|{_SINGLE}|#(?:(?!\\n)[^\n])*|(?P<escape>\\r\\n|\\[nt\"'])", re.DOTALL
)
_ODD_SPACE = (
    "\N{NO-BREAK SPACE}\u1680\u2000-\u200a\N{NARROW NO-BREAK SPACE}\u205f\N{IDEOGRAPHIC SPACE}"
)
_UNSEEN = "\u200b-\u200f\u2060\N{ZERO WIDTH NO-BREAK SPACE}\N{SOFT HYPHEN}"
_ODD_BREAK = "\x85\u2028\u2029"
_SPACE = re.compile(
    rf"{_TRIPLE}|{_SINGLE}|{_CURLY}|{_COMMENT}"
    rf"|(?P<space>[{_ODD_SPACE}])|(?P<unseen>[{_UNSEEN}])|(?P<line>[{_ODD_BREAK}])",
    re.DOTALL,
)
_SIGNS = {
    **{chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)},
    **dict(zip("【】〔〕、−–—×÷∗", "[][],---*/*", strict=True)),
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
    "…": "...",
}
_SIGN = re.compile(
    rf"{_TRIPLE}|{_SINGLE}|{_CURLY}|{_COMMENT}|(?P<sign>[{''.join(map(re.escape, _SIGNS))}])",
    re.DOTALL,
)
_FENCE = re.compile(r"[ \t]*(?P<mark>`{3,}|~{3,})[ \t]*(?P<label>[\w.+{}-]{0,20})[ \t\r]*")
_INLINE = re.compile(r"\s*(?P<mark>`{1,3})(?:(?:python3?|py)[ \t])?(?P<code>[^`\n]+)(?P=mark)\s*")
_LABELS = frozenset({"", "python", "py", "python3", "ipython", "ipython3", "tool_code"})
_PLAIN = {"n": "\n", "r": "\r", "t": "\t"}


def _unescape_entities(code: str) -> str:
    """Decode `&lt;` and its like outside of string literals."""

    def plain(match: re.Match[str]) -> str:
        if match["text"] is not None:
            return _quote(html.unescape(match["text"]), '"')
        return html.unescape(match[0]) if match["entity"] else match[0]

    return _ENTITY.sub(plain, code)


def _unescape(code: str) -> str:
    r"""`\n` and its like outside of string literals, as JSON that was escaped twice leaves them."""

    def plain(match: re.Match[str]) -> str:
        escape = match["escape"]
        return match[0] if escape is None else _PLAIN.get(escape[-1], escape[-1])

    return _ESCAPE.sub(plain, code)


def _unescape_all(code: str) -> str:
    r"""Do as `_unescape` does for code of which every quote is escaped: there are no literals to keep."""
    if '\\"' not in code or re.search(r'(?<!\\)"', code):
        return code
    return re.sub(r"\\([nrt\"'\\])", lambda match: _PLAIN.get(match[1], match[1]), code)


def _unfence(code: str) -> str:
    """Return code without the Markdown fence around it; prose outside of the fence becomes comments."""
    if inline := _INLINE.fullmatch(code):
        return inline["code"].strip()
    lines = code.split("\n")
    fences = [number for number, line in enumerate(lines) if _FENCE.fullmatch(line)]
    if len(fences) == 1:
        return _without_lone_fence(lines, fences[0])
    kept: list[str] = []
    mark, is_python, found = "", False, False
    for line in lines:
        fence = _FENCE.fullmatch(line)
        if fence and not mark:
            mark = fence["mark"]
            is_python = fence["label"].strip("{}.").lower() in _LABELS
        elif fence and not fence["label"] and fence["mark"].startswith(mark):
            mark = ""
        elif mark and is_python:
            kept.append(line)
            found |= bool(line.strip())
        else:
            kept.append(_as_comment(line))
    return "\n".join(kept) if found else code


def _without_lone_fence(lines: list[str], at: int) -> str:
    """Return the code behind a fence that is not closed, or before one that was not opened."""
    before, after = lines[:at], lines[at + 1 :]
    if any(map(str.strip, after)):
        return "\n".join([*map(_as_comment, before), *after])
    return "\n".join(before)


def _as_comment(line: str) -> str:
    return f"# {line}" if line.strip() else line


def _straighten_spaces(code: str) -> str:
    """Return code with spaces and line breaks that Python knows; unseen characters go."""

    def plain(match: re.Match[str]) -> str:
        if match["unseen"]:
            return ""
        return " " if match["space"] else "\n" if match["line"] else match[0]

    return _SPACE.sub(plain, code)


def _straighten_signs(code: str) -> str:
    """Write typographic quotes around literals, and full-width signs outside of them, in ASCII."""

    def plain(match: re.Match[str]) -> str:
        if match["double"]:
            return _quote(match["double"][1:-1], '"')
        if match["single"]:
            return _quote(match["single"][1:-1], "'")
        return _SIGNS[match["sign"]] if match["sign"] else match[0]

    return _SIGN.sub(plain, code)


def _quote(text: str, mark: str) -> str:
    """Return a literal of text that may hold the mark itself."""
    return (
        mark + re.sub(rf"\\.|{mark}", lambda m: m[0] if m[0] != mark else f"\\{mark}", text) + mark
    )


_REPAIRS: tuple[Callable[[str], str], ...] = (
    _unescape_entities,
    _unescape_all,
    _unescape,
    _unfence,
    _straighten_spaces,
    _straighten_signs,
)

ALL = (1 << len(_REPAIRS)) - 1
"""The number of all repairs together."""


def apply(code: str, repairs: int) -> str:
    """Return code with repairs made.

    Args:
        code: a cell; untrusted.
        repairs: which, as `find` returned them: one bit for each.
    """
    if len(code) > LIMIT:
        return code
    for number, repair in enumerate(_REPAIRS):
        if repairs >> number & 1:
            code = repair(code)
    return code


def find(code: str, is_valid: Callable[[str], bool]) -> int:
    """Return the fewest repairs that make code valid, one bit for each.

    Args:
        code: a cell.
        is_valid: whether a cell would be compiled.

    Returns:
        0 where the code is valid as it is, or is not for any repairs.
    """
    if len(code) > LIMIT or is_valid(code):
        return 0
    deadline = time.monotonic() + _SECONDS
    seen = {code}
    for count in range(1, len(_REPAIRS) + 1):
        for chosen in itertools.combinations(range(len(_REPAIRS)), count):
            repairs = sum(1 << number for number in chosen)
            repaired = apply(code, repairs)
            if repaired not in seen and is_valid(repaired):
                return repairs
            seen.add(repaired)
            if time.monotonic() > deadline:
                return 0
    return 0
