"""The windows of OpenCV, of which this build has none: `imshow` shows a picture, keys are never pressed."""

# These packages live in the interpreter environment, not in the server's, where types are checked.
# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import functools
from typing import Any

_NOTHING = (
    "namedWindow", "destroyWindow", "destroyAllWindows", "moveWindow", "resizeWindow",
    "setWindowTitle", "setWindowProperty", "setMouseCallback", "createTrackbar", "startWindowThread",
)  # fmt: skip
_VALUES = {"pollKey": -1, "getTrackbarPos": 0, "getWindowProperty": -1.0}
_ESCAPE = 27


def change(cv2: Any) -> None:
    """Put the functions in place that a window would need."""
    cv2.imshow = _imshow
    cv2.waitKey = cv2.waitKeyEx = _wait_for_key
    for name in _NOTHING:
        setattr(cv2, name, _do_nothing)
    for name, value in _VALUES.items():
        setattr(cv2, name, functools.partial(_return, value))


def _imshow(winname: str, mat: Any) -> None:
    """Show an image of OpenCV, whose colours are blue, green, red."""
    import numpy as np  # noqa: PLC0415  OpenCV imports it
    from IPython.display import display  # noqa: PLC0415  slow, and not always needed
    from PIL import Image  # noqa: PLC0415

    values = np.asarray(mat.get() if hasattr(mat, "get") else mat)
    if values.dtype.kind == "f":
        values = values * 255
    elif values.dtype == np.uint16:
        values = values >> 8
    values = np.nan_to_num(values).clip(0, 255).astype("uint8").squeeze()
    if values.ndim == 3:
        values = values[:, :, [2, 1, 0, 3][: values.shape[2]]]
    display(Image.fromarray(np.ascontiguousarray(values)))


def _do_nothing(*_: Any, **__: Any) -> None:
    """There is no window to do it to."""


def _return(value: Any, *_: Any) -> Any:
    return value


def _wait_for_key(delay: int = 0) -> int:
    """Return that no key was pressed; Escape to code that would wait for one for ever."""
    return -1 if delay > 0 else _ESCAPE
