"""Fonts in a session: a chart shows every script, whatever fonts its code asks for."""

# matplotlib lives in the interpreter environment, not in the server's, where types are checked.
# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import contextlib
import functools
import glob
import io
import logging
import os
import sys
from typing import Any

_LISTS = glob.glob(f"{sys.prefix}/share/matplotlib/fontlist-*.json")


def link_list() -> None:
    """Put the list of fonts that was made with the environment where matplotlib looks for its own.

    Done for the zygote and again in each session, whose home folder is new: for programs that code
    starts.
    """
    folder = os.environ["MPLCONFIGDIR"]
    with contextlib.suppress(OSError):  # then matplotlib lists them anew, which takes seconds
        os.makedirs(folder, exist_ok=True)
        for listed in _LISTS:
            os.symlink(listed, f"{folder}/{os.path.basename(listed)}")


def always_fall_back() -> None:
    """Let letters that a chart's font lacks be looked for in the others, in the order of the rc file.

    matplotlib does so along `font.family` alone, which styles, seaborn's themes and code that sets a
    font replace.
    """
    from matplotlib import font_manager, rcParams  # noqa: PLC0415  an environment may lack it

    first, *others = families = list(rcParams["font.family"])
    manager = font_manager.fontManager
    find = manager._find_fonts_by_props  # noqa: SLF001  there is no public place for this
    found_rest = find(font_manager.FontProperties(family=others)) if others else []
    # A path alone means the first face of its file: it is asked for at every text.
    rest = [path if path.face_index else path.path for path in found_rest]

    @functools.lru_cache(256)
    def add_rest(found: tuple[Any, ...]) -> list[Any]:
        return [*found, *(path for path in rest if path not in found)]

    def find_all(prop: Any, *args: Any, **options: Any) -> list[Any]:
        asked = font_manager.FontProperties._from_any(prop)  # noqa: SLF001  as `find` reads it
        if asked.get_family() == families:
            asked = asked.copy()
            asked.set_family(first)
        return add_rest(tuple(find(asked, *args, **options))).copy()

    manager._find_fonts_by_props = find_all  # noqa: SLF001
    # Else it would complain, text by text, of fonts and weights that are not there.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)


class _File(io.BytesIO):
    """A font's file in memory, which a session reads as it was left; it needs no descriptor."""

    def __init__(self, path: str, mode: str) -> None:
        with open(path, mode) as file:
            super().__init__(file.read())
        self.name = path


def load() -> None:
    """Load the usual fonts, with all they fall back to, for every session to come.

    matplotlib forgets its fonts in the child of every fork, for the sake of their open files; to
    open them all again took a session's first plot 8 ms.
    """
    from matplotlib import font_manager  # noqa: PLC0415  as above

    forgetful = font_manager._get_font  # noqa: SLF001  there is no public place for this
    kept: dict[Any, Any] = {}

    @functools.wraps(forgetful)
    def get(paths: Any, **options: Any) -> Any:
        return kept.get((paths, *options.values())) or forgetful(paths, **options)

    def keep(paths: Any, **options: Any) -> Any:
        opened: list[_File] = []

        def open_in_memory(path: str, mode: str = "rb") -> _File:
            opened.append(_File(path, mode))
            return opened[-1]

        io.open, saved = open_in_memory, io.open  # where matplotlib opens them
        try:
            font = forgetful(paths, **options)
        finally:
            io.open = saved
        if len(opened) >= len(paths):
            kept[paths, *options.values()] = font
        return font

    font_manager._get_font = keep  # noqa: SLF001
    for weight in ("normal", "bold"):
        prop = font_manager.FontProperties(weight=weight)
        font_manager.get_font(font_manager.fontManager._find_fonts_by_props(prop))  # noqa: SLF001
    get.cache_clear = forgetful.cache_clear  # pyright: ignore[reportAttributeAccessIssue]
    font_manager._get_font = get  # noqa: SLF001


def let_go() -> None:
    """Forget the fonts that warming up loaded, but those of `load`.

    matplotlib does so in the child of every fork, for the sake of their open files, which no session
    has; `syscalls.fork` leaves that out. It would cost each session 700 pages and two milliseconds.
    """
    from matplotlib import font_manager  # noqa: PLC0415  as above

    font_manager._get_font.cache_clear()  # noqa: SLF001  what it registers itself


def replace_pillows_default() -> None:
    """Let text that is drawn without naming a font be of one that has more than Latin letters."""
    from PIL import ImageFont  # noqa: PLC0415  as above

    file = f"{sys.prefix}/share/fonts/wqy-microhei.ttc"
    if os.path.exists(file):

        def load_default(size: float | None = None) -> Any:
            return ImageFont.truetype(file, size or 12)

        ImageFont.load_default = load_default
