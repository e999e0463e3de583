"""Fonts in a session: a chart shows every script, whatever fonts its code asks for."""

# matplotlib lives in the interpreter environment, not in the server's, where types are checked.
# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import contextlib
import glob
import logging
import os
import shutil
import sys
from typing import Any


def take_list() -> None:
    """Take the list of fonts that was made with the environment, before matplotlib makes its own."""
    for listed in glob.glob(f"{sys.prefix}/share/matplotlib/fontlist-*.json"):
        with contextlib.suppress(OSError):  # then matplotlib lists them anew, which takes seconds
            shutil.copy(listed, os.environ["MPLCONFIGDIR"])


def always_fall_back() -> None:
    """Let letters that a chart's font lacks be looked for in the others, in the order of the rc file.

    matplotlib does so along `font.family` alone, which styles, seaborn's themes and code that sets a
    font replace.
    """
    from matplotlib import font_manager, rcParams  # noqa: PLC0415  an environment may lack it

    first, *others = families = list(rcParams["font.family"])
    manager = font_manager.fontManager
    find = manager._find_fonts_by_props  # noqa: SLF001  there is no public place for this
    rest = find(font_manager.FontProperties(family=others)) if others else []

    def find_all(prop: Any, *args: Any, **options: Any) -> list[Any]:
        asked = font_manager.FontProperties._from_any(prop)  # noqa: SLF001  as `find` reads it
        if asked.get_family() == families:
            asked = asked.copy()
            asked.set_family(first)
        found = find(asked, *args, **options)
        return [*found, *(path for path in rest if path not in found)]

    manager._find_fonts_by_props = find_all  # noqa: SLF001
    # Else it would complain, text by text, of fonts and weights that are not there.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)


def let_go() -> None:
    """Forget the fonts that warming up loaded.

    matplotlib does so in the child of every fork, for the sake of their open files. Done before, it
    does not cost each session 700 pages and two milliseconds.
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
