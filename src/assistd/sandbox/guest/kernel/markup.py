"""Pages and Markdown as what a text-and-pictures reader can take: their words, and their pictures."""

import base64
import binascii
import html.parser
import os
import re
import stat
import urllib.parse
from typing import NamedTuple

_CHARACTERS = 1 << 20  # of words that are read
FOR_BROWSERS = (
    "[An interactive view that only a browser can show: save it as an .html file and link it.]"
)
_NO_INTERNET = "[A picture at {} was not shown: there is no internet here.]"
# The data of a picture is put aside first: it would take the reader of a page long.
_DATA = re.compile(r"data:image/[^\"'\s<>)]+", re.IGNORECASE)
_SVG = re.compile(r"<svg\b|</svg\s{0,9}>", re.IGNORECASE)
# With bounds, for a text could be made to take for ever.
_MARKDOWN = re.compile(r"!\[[^\]\n]{0,300}+\]\(\s{0,9}+<?+([^\s)>]{1,1000}+)>?+[^)\n]{0,300}+\)")
_ASIDE = "assistd-picture:"
_PUT_ASIDE = re.compile(f"{_ASIDE}([0-9]{{1,9}})")
_SHOWN = re.compile(r"\.(png|jpe?g|gif|webp|svg|bmp|tiff?)$", re.IGNORECASE)


class Picture(NamedTuple):
    """The data of a picture of any format, not decoded; `is_svg` says that it is text."""

    data: bytes
    is_svg: bool = False


Part = str | Picture


def read_page(page: str, most_bytes: int) -> list[Part]:
    """Return the words and pictures of a page of HTML, in order.

    Args:
        page: the page; of a very long one, its beginning.
        most_bytes: of a picture's file; a larger one is not read.
    """
    aside: list[str] = []
    page = _DATA.sub(lambda found: _put_aside(found[0], aside), page)
    page = _put_drawings_aside(page, aside)
    reader = _Reader()
    reader.feed(page[:_CHARACTERS])
    reader.close_text()
    parts = [
        _resolve(part.address, aside, most_bytes) if isinstance(part, _Source) else part
        for part in reader.parts
    ]
    if reader.is_active:
        parts.append(FOR_BROWSERS)
    return _join(parts)


def read_markdown(text: str, most_bytes: int) -> list[Part]:
    """Return a text in Markdown with the pictures that stand in it, in order; see `read_page`."""
    aside: list[str] = []
    text = _DATA.sub(lambda found: _put_aside(found[0], aside), text)
    parts: list[Part | None] = []
    end = 0
    for found in _MARKDOWN.finditer(text):
        picture = _resolve(found[1], aside, most_bytes)
        if isinstance(picture, Picture):
            parts += (text[end : found.start()].strip("\n"), picture)
            end = found.end()
    rest = text[end:]
    if _ASIDE in rest:  # a picture as HTML
        parts += read_page(_bring_back(rest, aside), most_bytes)
    else:
        parts.append(rest if end == 0 else rest.strip("\n"))
    return _join(parts)


def _put_aside(data: str, aside: list[str]) -> str:
    aside.append(data)
    return f"{_ASIDE}{len(aside) - 1}"


def _put_drawings_aside(page: str, aside: list[str]) -> str:
    """Return a page with the SVGs that stand in it as pictures: a reader of HTML would garble them."""
    kept: list[str] = []
    end = depth = start = 0
    for found in _SVG.finditer(page):
        if found[0][1] != "/":
            start = start if depth else found.start()
            depth += 1
        elif depth:
            depth -= 1
            if not depth:
                drawing = _bring_back(page[start : found.end()], aside)
                kept += (page[end:start], f'<img src="{_put_aside(drawing, aside)}">')
                end = found.end()
    return "".join((*kept, page[end:]))


def _bring_back(text: str, aside: list[str]) -> str:
    return _PUT_ASIDE.sub(
        lambda found: aside[int(found[1])] if int(found[1]) < len(aside) else "", text
    )


def _join(parts: list[Part | None]) -> list[Part]:
    """Return what is there, neighbouring words as one text."""
    joined: list[Part] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] = "\n".join(filter(None, (joined[-1], part)))
        elif part:
            joined.append(part)
    return joined


def _resolve(address: str, aside: list[str], most_bytes: int) -> Part | None:
    """Return the picture at an address, or words about it; None for what is no picture."""
    address = _bring_back(address, aside) if address.startswith(_ASIDE) else address
    if address[:4].lower() == "<svg":
        return Picture(address.encode(), is_svg=True)
    if address[:11].lower() == "data:image/":
        return _decode(address)
    if address.startswith(("http://", "https://", "//")):
        return _NO_INTERNET.format(address[:200])
    return _find_file(address, most_bytes)


def _decode(address: str) -> Picture | None:
    head, _, data = address.partition(",")
    is_svg = "svg" in head.lower()
    content = urllib.parse.unquote_to_bytes(data)
    if ";base64" in head.lower():
        try:
            content = base64.b64decode(content)
        except binascii.Error:
            return None
    return Picture(content, is_svg)


def _find_file(address: str, most_bytes: int) -> Picture | None:
    path = urllib.parse.unquote(re.sub("^(file://|sandbox:)", "", address))
    if not _SHOWN.search(path) or "\0" in path:
        return None
    data = read_file(path, most_bytes)
    return Picture(data, path.lower().endswith(".svg")) if data else None


def read_file(path: str, most_bytes: int) -> bytes | None:
    """Return the content of a plain file that is not larger; None for whatever else is there."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode) or status.st_size > most_bytes:
        os.close(handle)
        return None
    with os.fdopen(handle, "rb") as file:
        return file.read(most_bytes)


class _Source(NamedTuple):
    """Where a picture of a page comes from."""

    address: str


class _Reader(html.parser.HTMLParser):
    """Reads the words of a page: rows and paragraphs as lines, cells of a row a tab apart."""

    _LINES = frozenset({"tr", "br", "p", "div", "li", "h1", "h2", "h3", "h4", "h5", "h6", "pre"})
    _UNSEEN = frozenset({"script", "style", "head", "iframe"})

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str | _Source] = []
        self.is_active = False
        self._words: list[str] = []
        self._unseen = 0

    def close_text(self) -> None:
        """Make a part of the words that were read since the last picture."""
        lines = "".join(self._words).split("\f")
        words = (re.sub(r"[ \r\n]+", " ", line).strip() for line in lines)
        self.parts.append("\n".join(line for line in words if line))
        self._words.clear()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.is_active |= tag in {"script", "iframe"}
        self._unseen += tag in self._UNSEEN
        if tag in self._LINES:
            self._words.append("\f")
        if tag == "img" and not self._unseen and (source := dict(attrs).get("src")):
            self.close_text()
            self.parts.append(_Source(source.strip()))

    def handle_endtag(self, tag: str) -> None:
        if tag in self._UNSEEN and self._unseen:
            self._unseen -= 1
        if tag in {"td", "th"}:
            self._words.append("\t")
        elif tag in self._LINES or tag == "table":
            self._words.append("\f")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self._words.append(data)
