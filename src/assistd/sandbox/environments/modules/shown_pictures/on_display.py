"""IPython's `display` in a child process of a session: its pictures are left for the session.

The inline backend of matplotlib, Pillow's and OpenCV's `show` come here in the end.
"""

# These packages live in the interpreter environment, not in the server's, where types are checked.
# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import base64
import functools
import io
import sys
from typing import Any

import shown_pictures


def change(display_functions: Any) -> None:
    """Have `display` leave pictures where there is no shell to show them."""
    display_functions.display = functools.wraps(display_functions.display)(
        functools.partial(_display, display_functions.display)
    )


def _display(original: Any, *objects: Any, raw: bool = False, **options: Any) -> Any:
    from IPython.core.interactiveshell import InteractiveShell  # noqa: PLC0415  imports this module

    if InteractiveShell.initialized():
        return original(*objects, raw=raw, **options)
    for one in objects:
        png = _png(one)
        if png is None:
            original(one, raw=raw, **options)
        else:
            shown_pictures.leave(png)
    return None


def _png(one: Any) -> bytes | None:
    if isinstance(one, dict):
        data = one.get("image/png")
        return base64.b64decode(data) if isinstance(data, str) else data
    if _is_a("matplotlib.figure", "Figure", one):
        target = io.BytesIO()
        one.savefig(target, format="png", bbox_inches="tight")
        return target.getvalue()
    if _is_a("PIL.Image", "Image", one):
        return shown_pictures.draw(one)
    data = one._repr_png_() if hasattr(one, "_repr_png_") else None
    return base64.b64decode(data) if isinstance(data, str) else data


def _is_a(module: str, name: str, one: Any) -> bool:
    return module in sys.modules and isinstance(one, getattr(sys.modules[module], name))
