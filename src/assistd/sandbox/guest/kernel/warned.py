"""Which warnings a session shows: those about what code does, not those of libraries about their plans.

A model that reads "will change in a future version" about code that is right begins to mend it.
"""

import re
import sys
import warnings
from types import FrameType
from typing import Any, TextIO

_PLANS = (DeprecationWarning, PendingDeprecationWarning, FutureWarning)
_LIBRARIES = (f"{sys.prefix}/", f"{sys.base_prefix}/")
_MACHINERY = ("<frozen", warnings.__file__)
_CELL = re.compile(r"<ipython-input-(\d+)-\w+>\Z")
# Said about what nobody did wrong, or of IPython's magics, which do the same here.
_SILENT = (
    (r"To exit: use", UserWarning),
    (r"You executed the system command", UserWarning),
    (r"Workbook contains no default style", UserWarning),
)

_format = warnings.formatwarning
_show = warnings.showwarning


def take_over() -> None:
    """Have this process show warnings by the rules of this module."""
    for message, category in _SILENT:
        warnings.filterwarnings("ignore", message=message, category=category)
    warnings.formatwarning = _format_for_cells
    warnings.showwarning = _show_if_of_use


def _show_if_of_use(  # noqa: PLR0917  the standard library's signature
    message: Any,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Show a warning, unless a library tells of its plans and code did not ask to hear of them."""
    caller = sys._getframe(1)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    plans = issubclass(category, _PLANS) and _is_of_library(caller)
    if not plans or _is_asked_for(category):
        _show(message, category, filename, lineno, file, line)


def _is_of_library(frame: FrameType | None) -> bool:
    """Return whether the code that warns, which may blame its caller, is a library's."""
    while frame is not None and frame.f_code.co_filename.startswith(_MACHINERY):
        frame = frame.f_back
    return frame is not None and frame.f_code.co_filename.startswith(_LIBRARIES)


def _is_asked_for(category: type[Warning]) -> bool:
    """Return whether code has said, for any module and any text, that it wants such warnings."""
    return not warnings.filters or any(
        action != "ignore" and message is None and module is None and issubclass(category, kind)
        for action, message, kind, module, _ in warnings.filters
    )


def _format_for_cells(
    message: Any, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    """Return a warning as text, where a cell is named as in a traceback."""
    text = _format(message, category, filename, lineno, line)
    if found := _CELL.match(filename):
        return text.replace(filename, f"Cell In[{found[1]}]", 1)
    return text
