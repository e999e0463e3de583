"""The encoding of a text, guessed from its bytes."""

import codecs
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import chardet

# What tables come in. Without this list a short one is taken for an old Mac's or a mainframe's.
_CANDIDATES = (
    *("utf-8", "iso2022_jp_2", "gb18030", "big5hkscs", "cp932", "euc_jis_2004", "cp949"),
    *("cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258"),
    *("cp874", "koi8-r", "koi8-u", "iso8859-2"),
)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SHIFT = b"\x1b$"  # of ISO-2022-JP, which looks like ASCII otherwise
_FOREIGN = re.compile(rb"[\x80-\xff]")
_BEFORE = 1 << 10  # bytes of ASCII before the first that is not
_MOST_BYTES = 16 << 10  # that are guessed from
_PIECE = 256 << 10  # bytes that are decoded at once
_WESTERN = "cp1252"
_NEARLY = 0.9
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")
_MOST_CONTROLS = 0.05  # of a text's characters


@dataclass(frozen=True, slots=True)
class DecodedHead:
    """The text at the head of a file.

    Args:
        text: without a byte order mark.
        encoding: what `open` and pandas must be told to read the same.
    """

    text: str
    encoding: str

    @property
    def is_default(self) -> bool:
        """Whether pandas reads it without being told the encoding."""
        return self.encoding in {"utf-8", "utf-8-sig"}


def decode(head: bytes, *, whole: bool) -> DecodedHead | None:
    """Return the text of a file's head in the first encoding that reads all of it; None for no text.

    Args:
        head: the first bytes of the file; where they are not all, the last character may be torn.
        whole: whether they are all.
    """
    for encoding in _guesses(head):
        try:
            parts = list(_decode_pieces(head, encoding, whole=whole))
        except UnicodeDecodeError:
            continue
        return DecodedHead("".join(parts), encoding) if _are_text(parts) else None
    return None


def _decode_pieces(head: bytes, encoding: str, *, whole: bool) -> Iterator[str]:
    """Decode in pieces: a long one would hold the interpreter's lock too long."""
    decoder = codecs.getincrementaldecoder(encoding)()
    for start in range(0, len(head), _PIECE):
        is_last = start + _PIECE >= len(head)
        yield decoder.decode(head[start : start + _PIECE], whole and is_last)


def _guesses(head: bytes) -> Iterator[str]:
    marked = next((encoding for mark, encoding in _MARKS if head.startswith(mark)), None)
    if marked:
        yield marked
        return
    if b"\0" in head:  # half of each ASCII character, or astray in a text, or no text
        if head.count(0) <= _MOST_CONTROLS * len(head):
            yield "utf-8"
        yield "utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"
        return
    if _SHIFT not in head:
        yield "utf-8"
    yield from _rank(head)


def _rank(head: bytes) -> list[str]:
    """Encodings that may be it, the likeliest first; a Western one where it is as good as another."""
    foreign = _FOREIGN.search(head)
    found = chardet.detect_all(
        head[max(0, foreign.start() - _BEFORE) :] if foreign else head,
        max_bytes=_MOST_BYTES,
        ignore_threshold=True,
        prefer_superset=True,
        compat_names=False,
        include_encodings=_CANDIDATES,
        no_match_encoding=_CANDIDATES[0],  # which does not fit, or was tried before
    )
    ranks = {each["encoding"]: each["confidence"] for each in found if each["encoding"]}
    best = next(iter(ranks), None)
    if best and ranks.get(_WESTERN, 0) >= _NEARLY * ranks[best]:
        return [_WESTERN, *ranks]
    if best and best.startswith(("cp125", "iso8859")) and _reads_alike(head, best, _WESTERN):
        return [_WESTERN, *ranks]
    return list(ranks)


def _reads_alike(head: bytes, one: str, other: str) -> bool:
    return head.decode(one, "replace") == head.decode(other, "replace")


def _are_text(parts: Sequence[str]) -> bool:
    controls = sum(len(_CONTROLS.findall(part)) for part in parts)
    return controls <= _MOST_CONTROLS * sum(map(len, parts))
