"""What a cell shows: a bundle of representations becomes one thing, a picture or a text."""

# What makes pictures lives in the interpreter environment, not in the server's, where types are checked.
# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import base64
import binascii
import html.parser
import io
import json
import re
import sys
from typing import Any

from assistd.sandbox.guest.output import Output
from assistd.sandbox.guest.wire import Kind

# What every object is asked for, and what only those are asked for whose text says nothing.
ALWAYS = ("text/plain", "text/markdown", "image/png", "image/jpeg", "image/svg+xml")
MORE = ("text/html", "text/latex", "application/json")

_PNG = b"\x89PNG\r\n\x1a\n"
_RASTERS = ("image/png", "image/jpeg", "image/gif", "image/webp")
_SVG = "image/svg+xml"
_HTML_CHARACTERS = 1 << 20
_FOR_BROWSERS = (
    "[An interactive view that only a browser can show: save it as an .html file and link it.]"
)


class Screen:
    """Turns a bundle of representations into one thing a text-and-pictures reader can take."""

    def __init__(self, text_bytes: int, picture_bytes: int) -> None:
        self._text_bytes = text_bytes
        self._picture_bytes = picture_bytes
        self.output: Output | None = None

    def show(self, bundle: dict[str, Any]) -> None:
        """Show a MIME bundle: its picture, else its text."""
        picture = _picture(bundle)
        if picture is not None and len(picture) <= self._picture_bytes:
            self._send(Kind.PICTURE, picture)
        elif picture is not None:
            size = f"{len(picture)} bytes, at most {self._picture_bytes}"
            self.text(f"[A picture was left out: it is too large ({size}).]")
        elif text := _text(bundle):
            self.text(text)

    def text(self, text: str, kind: Kind = Kind.RESULT) -> None:
        """Show text; of a very long one its head and its tail."""
        data = text.encode("utf-8", "backslashreplace")
        if len(data) > self._text_bytes:
            half = self._text_bytes // 2
            left_out = len(data) - 2 * half
            gap = f"\n[... {left_out} bytes left out ...]\n".encode()
            data = data[:half] + gap + data[-half:]
        self._send(kind, data)

    def _send(self, kind: Kind, payload: bytes) -> None:
        if self.output is not None:
            self.output.show(kind, payload)


def draw_altair(chart: Any) -> bytes:
    """A chart of altair as a PNG; its own way to show itself is a page for browsers."""
    import vl_convert  # noqa: PLC0415  whoever has altair may lack it

    vl_convert.register_font_directory(f"{sys.prefix}/share/fonts")
    return vl_convert.vegalite_to_png(chart.to_dict(), scale=2)


def is_mute(bundle: dict[str, Any]) -> bool:
    """Whether a bundle has nothing to show but `<a type at an address>`."""
    text = bundle.get("text/plain")
    return len(bundle) == 1 and isinstance(text, str) and _is_type(text)


def _picture(bundle: dict[str, Any]) -> bytes | None:
    """The PNG in a bundle, made from another format if need be; None where there is none."""
    for mime in _RASTERS:
        data = bundle.get(mime)
        if isinstance(data, str):
            try:
                data = base64.b64decode(data)
            except binascii.Error:
                continue
        if isinstance(data, bytes):
            return data if data.startswith(_PNG) else _to_png(data)
    if isinstance(svg := bundle.get(_SVG), str):
        return _draw_svg(svg)
    return None


def _to_png(data: bytes) -> bytes | None:
    try:
        from PIL import Image  # noqa: PLC0415  an interpreter environment may lack it

        target = io.BytesIO()
        with Image.open(io.BytesIO(data)) as image:
            image.save(target, "PNG")
    except (ImportError, OSError, ValueError):
        return None
    return target.getvalue()


def _draw_svg(svg: str) -> bytes | None:
    try:
        import resvg_py  # noqa: PLC0415  as above

        fonts = [f"{sys.prefix}/share/fonts"]
        png = resvg_py.svg_to_bytes(
            svg, font_dirs=fonts, font_family="Noto Sans", sans_serif_family="Noto Sans"
        )
    except (ImportError, OSError, ValueError):
        return None
    return bytes(png)


def _text(bundle: dict[str, Any]) -> str | None:
    """The most telling text of a bundle."""
    plain = bundle.get("text/plain")
    if isinstance(written := bundle.get("text/markdown"), str):
        return written
    if isinstance(plain, str) and not _is_type(plain):
        return plain
    if isinstance(page := bundle.get("text/html"), str) and (text := _text_of_html(page)):
        return text
    if isinstance(formula := bundle.get("text/latex"), str):
        return formula
    if "application/json" in bundle:
        return json.dumps(bundle["application/json"], indent=2, ensure_ascii=False, default=str)
    return plain if isinstance(plain, str) else None


def _is_type(plain: str) -> bool:
    return plain[:1] == "<" and plain[-1:] == ">"


def _text_of_html(page: str) -> str:
    reader = _HtmlReader()
    reader.feed(page[:_HTML_CHARACTERS])
    lines = (re.sub(r"[ \r\n]+", " ", line).strip() for line in "".join(reader.words).split("\f"))
    text = "\n".join(line for line in lines if line)
    return f"{text}\n{_FOR_BROWSERS}".strip() if reader.is_active else text


class _HtmlReader(html.parser.HTMLParser):
    """Reads the words of a page: rows and paragraphs as lines, cells of a row a tab apart."""

    _LINES = frozenset({"tr", "br", "p", "div", "li", "h1", "h2", "h3", "h4", "h5", "h6", "pre"})
    _UNSEEN = frozenset({"script", "style", "head", "iframe"})

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.is_active = False
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.is_active |= tag in {"script", "iframe"}
        self._unseen += tag in self._UNSEEN
        if tag in self._LINES:
            self.words.append("\f")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._UNSEEN and self._unseen:
            self._unseen -= 1
        if tag in {"td", "th"}:
            self.words.append("\t")
        elif tag in self._LINES or tag == "table":
            self.words.append("\f")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.words.append(data)
