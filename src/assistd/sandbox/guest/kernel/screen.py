"""What a cell shows: a bundle of representations becomes pictures and texts."""

# What makes pictures lives in the interpreter environment, not in the server's, where types are checked.
# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import base64
import binascii
import io
import json
import sys
from typing import Any

from assistd.sandbox.guest.kernel import markup
from assistd.sandbox.guest.kernel.output import Output
from assistd.sandbox.guest.shared.wire import Kind

# What every object is asked for, and what only those are asked for whose text says nothing.
ALWAYS = ("text/plain", "text/markdown", "image/png", "image/jpeg", "image/svg+xml")
MORE = ("text/html", "text/latex", "application/json")

_PNG = b"\x89PNG\r\n\x1a\n"
_RASTERS = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/tiff")
_SVG = "image/svg+xml"
_SCRIPT = "application/vnd.bokehjs_exec"  # the whole of what bokeh shows in a notebook


class _RefusedError(Exception):
    """A picture is too large; the message says how large."""


class Screen:
    """Turns a bundle of representations into what a text-and-pictures reader can take."""

    def __init__(self, text_bytes: int, picture_bytes: int, picture_pixels: int) -> None:
        self._text_bytes = text_bytes
        self._picture_bytes = picture_bytes
        self._picture_pixels = picture_pixels
        self.output: Output | None = None

    def show(self, bundle: dict[str, Any]) -> None:
        """Show a MIME bundle: its picture, else its text with the pictures that stand in it."""
        if self._show_picture(_picture(bundle)):
            return
        for part in _parts(bundle, self._picture_bytes):
            if isinstance(part, str):
                self.text(part)
            elif not self._show_picture(part):
                self.text("[A picture was left out: its data cannot be read.]")

    def show_file(self, data: bytes) -> None:
        """Show the content of a picture's file, decoded: nobody knows who wrote it."""
        self._show_picture(markup.Picture(data))

    def text(self, text: str, kind: Kind = Kind.RESULT) -> None:
        """Show text; of a very long one its head and its tail."""
        data = text.encode("utf-8", "backslashreplace")
        if len(data) > self._text_bytes:
            half = self._text_bytes // 2
            left_out = len(data) - 2 * half
            gap = f"\n[... {left_out} bytes left out ...]\n".encode()
            data = data[:half] + gap + data[-half:]
        self._send(kind, data)

    def _show_picture(self, picture: "bytes | markup.Picture | None") -> bool:
        """Show a picture, or say that it is too large; return whether it was one."""
        try:
            png = self._decode(picture) if isinstance(picture, markup.Picture) else picture
            if png is not None and len(png) > self._picture_bytes:
                raise _RefusedError(f"{len(png)} bytes, at most {self._picture_bytes}")  # noqa: TRY301
        except _RefusedError as refusal:
            self.text(f"[A picture was left out: it is too large ({refusal}).]")
            return True
        if png is not None:
            self._send(Kind.PICTURE, png)
        return png is not None

    def _decode(self, picture: markup.Picture) -> bytes | None:
        """Return a picture of any format as a PNG; None if it is none.

        Raises:
            _RefusedError: it has too many pixels.
        """
        if picture.is_svg:
            return _draw_svg(picture.data.decode("utf-8", "replace"))
        try:
            from PIL import Image  # noqa: PLC0415  an interpreter environment may lack it
        except ImportError:
            return None
        try:
            with Image.open(io.BytesIO(picture.data)) as image:
                width, height = image.size
                if width * height > self._picture_pixels:
                    sizes = f"{width} by {height} pixels, at most {self._picture_pixels}"
                    raise _RefusedError(f"{sizes} in all")
                return draw_image(image)
        except Image.DecompressionBombError as error:
            raise _RefusedError(f"at most {self._picture_pixels} pixels in all") from error
        except (OSError, ValueError, SyntaxError, EOFError):  # what Pillow has for broken files
            return None

    def _send(self, kind: Kind, payload: bytes) -> None:
        if self.output is not None:
            self.output.show(kind, payload)


def draw_image(image: Any) -> bytes:
    """Return an image of Pillow as a PNG; its own way to show itself leaves out many modes."""
    import shown_pictures  # noqa: PLC0415  of the environment, with what it needs

    return shown_pictures.draw(image)


def draw_altair(chart: Any) -> bytes:
    """Return a chart of altair as a PNG; its own way to show itself is a page for browsers."""
    import vl_convert  # noqa: PLC0415  whoever has altair may lack it

    vl_convert.register_font_directory(f"{sys.prefix}/share/fonts")
    return vl_convert.vegalite_to_png(chart.to_dict(), scale=2)


def is_mute(bundle: dict[str, Any]) -> bool:
    """Return whether a bundle has nothing to show but `<a type at an address>`."""
    text = bundle.get("text/plain")
    return len(bundle) == 1 and isinstance(text, str) and _is_type(text)


def _picture(bundle: dict[str, Any]) -> bytes | markup.Picture | None:
    """Return the picture of a bundle: a PNG as it is, or data of another format; None where there is none."""
    for mime in _RASTERS:
        data = bundle.get(mime)
        if isinstance(data, str):
            try:
                data = base64.b64decode(data)
            except binascii.Error:
                continue
        if isinstance(data, bytes):
            return data if data.startswith(_PNG) else markup.Picture(data)
    svg = bundle.get(_SVG)
    return (
        markup.Picture(svg.encode("utf-8", "replace"), is_svg=True)
        if isinstance(svg, str)
        else None
    )


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


def _parts(bundle: dict[str, Any], picture_bytes: int) -> list[markup.Part]:
    """Return the most telling text of a bundle, and the pictures that stand in it."""
    if isinstance(written := bundle.get("text/markdown"), str):
        return markup.read_markdown(written, picture_bytes)
    plain = bundle.get("text/plain")
    if isinstance(plain, str) and not _is_type(plain):
        return [plain]
    page = bundle.get("text/html")
    if isinstance(page, str) and (parts := markup.read_page(page, picture_bytes)):
        return parts
    words = _last_words(bundle)
    return [words] if words else []


def _last_words(bundle: dict[str, Any]) -> str | None:
    """Return the text of a bundle that has nothing better."""
    if isinstance(formula := bundle.get("text/latex"), str):
        return formula
    if "application/json" in bundle:
        return json.dumps(bundle["application/json"], indent=2, ensure_ascii=False, default=str)
    if any(mime.startswith(_SCRIPT) for mime in bundle):
        return markup.FOR_BROWSERS
    plain = bundle.get("text/plain")
    return plain if isinstance(plain, str) else None


def _is_type(plain: str) -> bool:
    return plain[:1] == "<" and plain[-1:] == ">"
