"""A matplotlib figure as a PNG that is cut to what is drawn, as a notebook shows it."""

# matplotlib lives in the interpreter environment, not in the server's, where types are checked.
# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import base64
import contextlib
import io
import math
import weakref
from collections.abc import Generator
from typing import Any

from IPython.core import pylabtools

_COMPRESSION = 3  # of zlib: a third of the default's time for a tenth more bytes
_OTHER_FORMATS = {"svg", "pdf", "jpg", "jpeg"}
_GENERAL = {"bbox_inches", "dpi", "facecolor", "edgecolor", "pad_inches", "transparent"}
_print_figure = pylabtools.print_figure
_select_figure_formats = pylabtools.select_figure_formats


def take_over() -> None:
    """Have IPython draw figures with this module, before the inline backend takes its functions."""
    pylabtools.print_figure = print_figure
    pylabtools.select_figure_formats = _select_formats


def show_each_once() -> None:
    """Have the inline backend leave out what was shown already; called once it is imported."""
    from IPython import display  # noqa: PLC0415  as late as the next
    from matplotlib import pyplot  # noqa: PLC0415  an environment may lack it
    from matplotlib_inline import backend_inline  # noqa: PLC0415  as well

    for name in ("set_matplotlib_formats", "set_matplotlib_close"):  # where they were for years
        setattr(display, name, getattr(backend_inline, name))

    for name in ("_draw_called", "_to_draw"):  # what the backend keeps on its function
        setattr(show, name, getattr(backend_inline.show, name))
    backend_inline.show = show
    pyplot.switch_backend(f"module://{backend_inline.__name__}")  # it keeps the functions it found


def show(close: bool | None = None, block: bool | None = None) -> None:  # noqa: FBT001
    """Show all figures of pyplot, in the place of the inline backend's function of this name.

    A figure that was shown in this cell is not shown a second time, unless it has changed.
    """
    from matplotlib import pyplot  # noqa: PLC0415  as above
    from matplotlib._pylab_helpers import Gcf  # noqa: PLC0415
    from matplotlib_inline.config import InlineBackend  # noqa: PLC0415

    managers = Gcf.get_all_fig_managers()
    shell = InlineBackend.instance().shell
    try:
        for manager in managers:
            figure = manager.canvas.figure
            before = recall(figure)
            bundle, metadata = shell.display_formatter.format(figure)
            if before is None or recall(figure) != before:
                shell.display_pub.publish(bundle, metadata)
    finally:
        setattr(show, "_to_draw", [])  # noqa: B010  see `show_each_once`
        if managers and (InlineBackend.instance().close_figures if close is None else close):
            pyplot.close("all")


def remember(figure: Any, png: Any) -> None:
    """Remember what a figure is shown as, until the cell ends."""
    if isinstance(png, str) and hasattr(figure, "canvas"):
        _shown[figure] = hash(png)


def recall(value: Any) -> int | None:
    """Return a number for what a figure was shown as in this cell; None where it was not, or is none."""
    if not _shown:
        return None
    try:
        return _shown.get(value)
    except TypeError:  # no reference to it, or no hash of it, can be had
        return None


def forget() -> None:
    """Forget what was shown: another cell begins."""
    if _shown:
        _shown.clear()


_shown: "weakref.WeakKeyDictionary[Any, int]" = weakref.WeakKeyDictionary()


def _select_formats(shell: Any, formats: Any, **options: Any) -> None:
    """Let figures be PNGs, of double size if code wants that: no other format reaches the user."""
    from matplotlib.figure import Figure  # noqa: PLC0415  as above

    asked = {formats} if isinstance(formats, str) else set(formats)
    drawn = {"png" if each in _OTHER_FORMATS else each for each in asked} or {"png"}
    if not asked.isdisjoint(_OTHER_FORMATS):  # their options may mean nothing to a PNG
        options = {name: value for name, value in options.items() if name in _GENERAL}
    if not drawn.isdisjoint({"retina", "png2x"}):
        drawn.discard("png")
    _select_figure_formats(shell, drawn, **options)
    shell.display_formatter.ipython_display_formatter.pop(Figure, None)  # of notebooks' widgets


def print_figure(figure: Any, fmt: str = "png", **options: Any) -> Any:
    """Return a figure as IPython's function of this name has it, with half the work for the usual kind.

    IPython has matplotlib go through a figure twice, once to see how far it reaches. Here it is drawn
    once and cut, unless it reaches beyond its own edges or is asked for in another way.
    """
    usual = fmt == "png" and options in ({}, {"base64": True}, _TIGHT, _TIGHT | {"base64": True})
    if usual and (figure.axes or figure.lines):
        with _drawing(figure):
            edges = _edges(figure) if hasattr(figure.canvas, "buffer_rgba") else None
            if edges is not None:
                data = _cut(figure, *edges)
                return base64.b64encode(data).decode() if options.get("base64") else data
    return _print_figure(figure, fmt, **options)


@contextlib.contextmanager
def _drawing(figure: Any) -> Generator[None]:
    """Give a figure without a place to draw, as it is once it was closed, one for a while."""
    from matplotlib.backend_bases import FigureCanvasBase  # noqa: PLC0415
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415

    canvas = figure.canvas
    if type(canvas) is not FigureCanvasBase:
        yield
        return
    FigureCanvasAgg(figure)
    try:
        yield
    finally:
        figure.set_canvas(canvas)


_TIGHT = {"bbox_inches": "tight"}


def _edges(figure: Any) -> tuple[int, int, int, int] | None:
    """Return the left, top, right and bottom pixel of what is drawn; None where that is beyond the figure."""
    from matplotlib import rcParams  # noqa: PLC0415

    figure.canvas.draw()
    titled = [axes for axes in figure.axes if getattr(axes, "_autotitlepos", None)]
    for axes in titled:
        axes._autotitlepos = False  # noqa: SLF001  its title was just put in its place
    box = figure.get_tightbbox().padded(rcParams["savefig.pad_inches"])
    for axes in titled:
        axes._autotitlepos = True  # noqa: SLF001
    width, height = figure.canvas.get_width_height(physical=True)
    left, right = math.floor(box.x0 * figure.dpi), math.ceil(box.x1 * figure.dpi)
    top, bottom = height - math.ceil(box.y1 * figure.dpi), height - math.floor(box.y0 * figure.dpi)
    inside = left >= 0 and top >= 0 and right <= width and bottom <= height
    return (left, top, right, bottom) if inside else None


def _cut(figure: Any, left: int, top: int, right: int, bottom: int) -> bytes:
    from PIL import Image  # noqa: PLC0415

    size = figure.canvas.get_width_height(physical=True)
    picture = Image.frombuffer("RGBA", size, figure.canvas.buffer_rgba(), "raw", "RGBA", 0, 1)
    target = io.BytesIO()
    cut = picture.crop((left, top, right, bottom))
    cut.save(target, "PNG", compress_level=_COMPRESSION, dpi=(figure.dpi, figure.dpi))
    return target.getvalue()
