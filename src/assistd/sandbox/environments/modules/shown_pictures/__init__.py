"""Pictures on their way to the user: drawn as PNGs, and handed to the session by its child processes.

A child process of a session has no way to the user of its own. It leaves what it shows in a folder of
the session, which shows it at the end of the cell.
"""

# These packages live in the interpreter environment, not in the server's, where types are checked.
# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import contextlib
import io
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

_FULL = (255, 1023, 4095, 16383, 65535)  # the largest values of 8 to 16 bits
_SAVED_AS_THEY_ARE = {"1", "L", "LA", "P", "RGB", "RGBA"}
_BASES = {"RGBa": "RGBA", "La": "LA", "PA": "RGBA"}
_MOST = 100  # pictures of one cell


def draw(image: Any) -> bytes:
    """Return an image of Pillow, of any mode, as a PNG of 8 bits for each colour."""
    if image.mode[:1] in {"I", "F"}:
        image = _scale(image)
    elif image.mode == "La":  # Pillow has only this way out of it
        image = image.convert("LA")
    elif image.mode not in _SAVED_AS_THEY_ARE:
        image = image.convert(_BASES.get(image.mode, "RGB"))
    target = io.BytesIO()
    image.save(target, "PNG", compress_level=3)
    return target.getvalue()


def _scale(image: Any) -> Any:
    """Return an image of large or broken numbers as shades of grey."""
    import numpy as np  # noqa: PLC0415  only such images need it
    from PIL import Image  # noqa: PLC0415

    values = np.nan_to_num(np.asarray(image, dtype="float64"))
    low, high = float(values.min(initial=0)), float(values.max(initial=0))
    if image.mode == "F" and low >= 0 and high <= 1:
        high = 1.0
    elif low >= 0:
        high = next((float(full) for full in _FULL if high <= full), high)
    grey = (values - low) * (255 / ((high - low) or 1))
    return Image.fromarray(grey.round().astype("uint8"))


def folder() -> str:
    """Return where pictures are left; it is there once one was."""
    return os.path.join(os.environ.get("TMPDIR", "/tmp"), ".shown")  # noqa: S108  the session's own


def leave(png: bytes) -> None:
    """Leave a picture for the session to show."""
    target = folder()
    os.makedirs(target, exist_ok=True)
    handle, path = tempfile.mkstemp(dir=target, prefix=".")
    with os.fdopen(handle, "wb") as file:
        file.write(png)
    os.rename(path, os.path.join(target, f"{time.time_ns():020}-{os.getpid()}.png"))


def take(read: Callable[[str], bytes | None]) -> Iterator[bytes]:
    """Yield the pictures that were left, oldest first, and remove them; no more than 100 at once.

    Args:
        read: how a file is read; code may have put anything in its place.
    """
    source = folder()
    try:
        names = sorted(name for name in os.listdir(source) if not name.startswith("."))
    except OSError:  # code may have put anything in its place
        return
    for name in names[:_MOST]:
        path = os.path.join(source, name)
        data = read(path)
        with contextlib.suppress(OSError):
            os.remove(path)
        if data:
            yield data
