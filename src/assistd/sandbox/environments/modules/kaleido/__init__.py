"""Pictures of plotly figures without a browser, where plotly looks for them: in the place of Kaleido.

plotly.js runs in QuickJS (plotly-mirage), its SVG becomes pixels in resvg. plotly then has its usual
`fig.show()`, `fig.write_image()` and `fig.to_image()`, for everything that is drawn in two dimensions.
"""

# What this imports lives in the interpreter environment, not in the server's, where types are checked.
# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import array
import base64
import glob
import io
import json
import math
import re
import sys
from typing import Any

import resvg_py
from mirage.engine import get_engine
from PIL import Image

_FONTS = sorted(glob.glob(f"{sys.prefix}/share/fonts/*.tt?"))
_MAX_PIXELS = 40_000_000
# plotly.js draws these with WebGL or fetches maps: neither is to be had here.
_FLAT = {"scattergl": "scatter", "scatterpolargl": "scatterpolar", "heatmapgl": "heatmap"}
_IMPOSSIBLE = (
    "scatter3d", "surface", "mesh3d", "cone", "streamtube", "volume", "isosurface",
    "choropleth", "scattergeo", "choroplethmap", "scattermap", "densitymap",
    "choroplethmapbox", "scattermapbox", "densitymapbox", "splom", "parcoords",
)  # fmt: skip
# resvg looks for a missing letter in other fonts, but gives up where a run mixes scripts.
_SCRIPTS = {
    "Noto Sans CJK SC": "\u1100-\u11ff\u2e80-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff00-\uffef",
    "Noto Sans Arabic": "\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufeff",
    "Noto Sans Hebrew": "\u0590-\u05ff",
    "Noto Sans Devanagari": "\u0900-\u097f",
    "Noto Sans Thai": "\u0e00-\u0e7f",
    "Noto Emoji": "\u2600-\u27bf\U0001f000-\U0001faff",
}
_RUNS = re.compile("|".join(f"([{letters}]+)" for letters in _SCRIPTS.values()))
_WORDS = re.compile(r">([^<>]*[^\x00-\x7f<>][^<>]*)<")
_RASTER = {"png": "PNG", "jpg": "JPEG", "jpeg": "JPEG", "webp": "WEBP"}
# numpy's names of number types, as plotly writes them, and those of `array`.
_CODES = {"i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "f4": "f", "f8": "d"}


def calc_fig_sync(fig: dict[str, Any], opts: dict[str, Any] | None = None, **_: object) -> bytes:
    """A figure as the bytes of a picture.

    Args:
        fig: the figure as plotly's JSON, as a dict.
        opts: `format` (png, jpg, webp, svg, pdf), `width`, `height` (CSS pixels) and `scale`.

    Raises:
        RuntimeError: it has a kind of trace that only a browser can draw; says what to do.
    """
    wanted = opts or {}
    kind = str(wanted.get("format") or "png").lower()
    from plotly.io import to_json  # noqa: PLC0415  plotly imports this module itself

    figure = _plain(json.loads(to_json(fig, validate=False)))
    width, height = (int(wanted.get(name) or 0) or None for name in ("width", "height"))
    _refuse_impossible(figure.get("data") or [])
    svg = get_engine().render_svg(figure["data"], figure.get("layout") or {}, width, height)
    if kind == "svg":
        return svg.encode()
    svg = _WORDS.sub(lambda found: f">{_RUNS.sub(_with_font, found[1])}<", svg)
    return _raster(svg, kind, float(wanted.get("scale") or 1))


def write_fig_from_object_sync(specs: list[dict[str, Any]], **_: object) -> None:
    """Write each figure of `specs` to its `path`; see `calc_fig_sync`."""
    for spec in specs:
        spec["path"].write_bytes(calc_fig_sync(spec["fig"], spec["opts"]))


def _refuse_impossible(traces: list[dict[str, Any]]) -> None:
    for trace in traces:
        kind = str(trace.get("type") or "scatter")
        if kind in _IMPOSSIBLE:
            raise RuntimeError(
                f"No picture of a {kind!r} trace can be made here: it needs a browser. Draw it with "
                "matplotlib, or save the figure with fig.write_html() and link the file."
            )


def _plain(value: Any) -> Any:
    """The figure with packed arrays as lists, and fast drawing on a screen as plain drawing."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    if value.keys() >= {"dtype", "bdata"}:
        return _unpacked(value)
    plain = {key: _plain(each) for key, each in value.items()}
    if plain.get("type") in _FLAT:
        plain["type"] = _FLAT[plain["type"]]
    return plain


def _unpacked(packed: dict[str, Any]) -> list[Any]:
    numbers = array.array(_CODES[packed["dtype"]], base64.b64decode(packed["bdata"]))
    flat: list[Any] = [each if math.isfinite(each) else None for each in numbers]
    shape = [int(size) for size in str(packed.get("shape") or len(flat)).split(",")]
    for size in reversed(shape[1:]):
        flat = [flat[start : start + size] for start in range(0, len(flat), size)]
    return flat


def _with_font(run: "re.Match[str]") -> str:
    family = list(_SCRIPTS)[(run.lastindex or 1) - 1]
    return f'<tspan font-family="{family}">{run[0]}</tspan>'


def _raster(svg: str, kind: str, scale: float) -> bytes:
    png = bytes(
        resvg_py.svg_to_bytes(
            svg,
            zoom=max(1, round(scale)),
            font_files=_FONTS,
            skip_system_fonts=True,
            font_family="Noto Sans",
            sans_serif_family="Noto Sans",
        )
    )
    if kind == "png":
        return png
    image = Image.open(io.BytesIO(png)).convert("RGBA")
    if image.width * image.height > _MAX_PIXELS:
        raise RuntimeError(f"The picture is too large: {image.width} by {image.height} pixels.")
    target = io.BytesIO()
    if kind == "webp":
        image.save(target, "WEBP")
    else:
        paper = Image.new("RGB", image.size, "white")
        paper.paste(image, mask=image.getchannel("A"))
        paper.save(target, "PDF" if kind == "pdf" else _RASTER.get(kind, kind.upper()))
    return target.getvalue()
