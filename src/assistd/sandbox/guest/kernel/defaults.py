"""Defaults of libraries that suit a session: what models expect of them, or what needs no installation."""

# The libraries live in the interpreter environment, not in the server's, where types are checked.
# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import importlib
import logging
import sys
from typing import Any

_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")


def set_all() -> None:
    """Set them in what is loaded."""
    if (numpy := sys.modules.get("numpy")) is not None:
        numpy.set_printoptions(legacy="1.25")  # 1.5, not np.float64(1.5): decision 0043
    if (pandas := sys.modules.get("pandas")) is not None:
        pandas.set_option("io.excel.ods.reader", "calamine")
    if (image := sys.modules.get("PIL.Image")) is not None:
        image.register_open("HEIF", _open_heif, _is_heif)
        image.register_save("HEIF", _save_heif)
        image.register_extensions("HEIF", [".heic", ".heif"])
    # Else it tells each start that it builds its dictionary.
    logging.getLogger("jieba").addFilter(lambda record: record.levelno >= logging.WARNING)


def _is_heif(beginning: bytes) -> bool:
    return beginning[4:8] == b"ftyp" and beginning[8:12] in _HEIF_BRANDS


def _open_heif(file: Any, name: Any) -> Any:
    """Return what Pillow opens a photo of a telephone with; the library is loaded for the first of them."""
    return _heif().HeifImageFile(file, name)


def _save_heif(picture: Any, file: Any, name: Any) -> None:
    _heif()
    importlib.import_module("PIL.Image").SAVE["HEIF"](picture, file, name)


def _heif() -> Any:
    heif = importlib.import_module("pillow_heif")
    heif.register_heif_opener()  # in the place of these
    return heif
