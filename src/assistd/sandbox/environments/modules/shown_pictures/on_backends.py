"""matplotlib's backends: whichever code asks for, what it shows is a picture.

`matplotlib.use("Agg")`, written for servers, shows nothing, and those that open windows fail. Here both
stand for the backend of notebooks.
"""

# These packages live in the interpreter environment, not in the server's, where types are checked.
# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import functools
from typing import Any

_INLINE = "module://matplotlib_inline.backend_inline"
_NOTEBOOKS = {"ipympl", "widget", "module://ipympl.backend_nbagg"}
_FILES = {"pdf", "ps", "svg"}  # backends that name the usual format of a saved figure


def change(pyplot: Any) -> None:
    """Have every backend of matplotlib's own show figures as the inline backend does."""
    pyplot.switch_backend = functools.wraps(pyplot.switch_backend)(
        functools.partial(_switch, pyplot.switch_backend, pyplot)
    )


def _switch(original: Any, pyplot: Any, newbackend: Any) -> None:
    from matplotlib.backends import backend_registry  # noqa: PLC0415  pyplot imports it after us

    name = newbackend.lower() if isinstance(newbackend, str) else ""
    if name not in _NOTEBOOKS and name not in backend_registry.list_builtin():
        original(newbackend)
        return
    original(_INLINE)
    pyplot.rcParams["backend"] = newbackend if name not in _NOTEBOOKS else _INLINE
    if name in _FILES:
        pyplot.rcParams["savefig.format"] = name
