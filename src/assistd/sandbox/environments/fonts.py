"""Gives an interpreter environment its fonts: run once by its own Python while it is built.

`python -I fonts.py FINAL` gathers the fonts that came as packages into `share/fonts`, lists them for
matplotlib, and names the order in which letters that a font lacks are looked for in the others.
FINAL is the folder that the environment is renamed to when it is whole.
"""

# matplotlib lives in the interpreter environment, not in the server's, where types are checked.
# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import dataclasses
import os
import sys
import sysconfig
from pathlib import Path
from typing import Any

from matplotlib import font_manager

_PACKAGES = ("manimgx_fonts", "noto_cjk_sans_otc", "paperang_p2_fonts_cjk")
# DejaVu has Latin, Greek and Cyrillic; Han letters, which regions draw differently, are China's.
_FIRST = ("DejaVu Sans", "Noto Sans CJK SC", "Noto Sans Arabic")
_REGIONS = (
    "SC",
    "TC",
    "HK",
    "JP",
    "KR",
)  # the other regions' faces have no letters that are not there
_LAST = ("Noto Emoji", "Noto Sans Symbols")
_ROUND_FILE = (
    "wqy-microhei.ttc"  # Han letters and all alphabets, in outlines that reportlab can embed
)

# Fonts that programs name and that are not free: what stands in for them, as a desktop would choose.
_FAMILIES = {
    "Noto Sans CJK SC": (
        "SimHei", "SimSun", "Microsoft YaHei", "KaiTi", "FangSong", "STHeiti", "STSong", "Heiti SC",
        "PingFang SC", "Hiragino Sans GB", "Source Han Sans SC", "Source Han Sans CN",
        "Noto Sans SC", "WenQuanYi Zen Hei", "Arial Unicode MS",
    ),
    "Noto Sans CJK TC": ("Microsoft JhengHei", "PMingLiU", "PingFang TC", "Heiti TC", "Noto Sans TC"),
    "Noto Sans CJK JP": (
        "IPAexGothic", "IPAPGothic", "Yu Gothic", "Meiryo", "MS Gothic", "Hiragino Sans", "TakaoPGothic",
        "Noto Sans JP", "Hiragino Maru Gothic Pro",
    ),
    "Noto Sans CJK KR": ("Malgun Gothic", "NanumGothic", "AppleGothic", "Gulim", "Noto Sans KR"),
    "Noto Sans": ("Arial", "Helvetica", "Helvetica Neue", "Liberation Sans", "Verdana", "Tahoma",
                  "Calibri", "Segoe UI", "Open Sans", "Roboto"),
}  # fmt: skip
_FILES = (
    "simhei.ttf", "SimHei.ttf", "simsun.ttc", "SimSun.ttf", "simsun.ttf", "msyh.ttc", "msyh.ttf",
    "simkai.ttf", "STHeiti Light.ttc", "STSong.ttf", "PingFang.ttc", "wqy-zenhei.ttc", "msjh.ttc",
    "NotoSansSC-Regular.ttf", "NotoSansSC-Regular.otf", "SourceHanSansSC-Regular.otf",
    "NotoSansCJKsc-Regular.otf", "NotoSansCJKjp-Regular.otf", "DroidSansFallback.ttf",
    "ipaexg.ttf", "msgothic.ttc", "meiryo.ttc", "YuGothM.ttc", "malgun.ttf", "NanumGothic.ttf",
    "AppleGothic.ttf", "arial.ttf", "Arial.ttf", "arialuni.ttf", "Arial Unicode.ttf",
    "Helvetica.ttc", "LiberationSans-Regular.ttf", "FreeSans.ttf", "Roboto-Regular.ttf",
)  # fmt: skip


def main(final: str) -> None:
    """Fill `share/fonts` and `share/matplotlib` of this interpreter's environment."""
    share = Path(sys.prefix) / "share"
    fonts = share / "fonts"
    settings = share / "matplotlib"
    settings.mkdir(parents=True, exist_ok=True)
    _gather(fonts)
    manager = font_manager.fontManager
    for file in sorted(fonts.glob("*.tt?")):
        manager.addfont(file)
    ours = {entry.name for entry in manager.ttflist if entry.fname.startswith(str(fonts))}
    between = sorted(
        name for name in ours if name.startswith("Noto Sans") and not name.endswith(_REGIONS)
    )
    _name_stand_ins(manager)
    listed = settings / f"fontlist-v{font_manager.FontManager.__version__}.json"
    font_manager.json_dump(manager, listed)
    listed.write_text(listed.read_text("utf-8").replace(sys.prefix, final), "utf-8")
    families = [
        name for name in dict.fromkeys((*_FIRST, *between, *_LAST)) if name in ours | {_FIRST[0]}
    ]
    (settings / "matplotlibrc").write_text(f"font.family: {', '.join(families)}\n", "utf-8")


def _gather(fonts: Path) -> None:
    """Put the fonts of all packages into one folder, under plain names, with their stand-ins below."""
    site = Path(sysconfig.get_path("purelib"))
    names = fonts / "names"
    names.mkdir(parents=True)
    for package in _PACKAGES:
        for file in (site / package).rglob("*.tt?"):
            os.link(file, fonts / file.name.replace("[wght]", ""))
    for name in _FILES:
        (names / name).symlink_to(f"../{_ROUND_FILE}")
    (site / "fonts").symlink_to(os.path.relpath(fonts, site))  # reportlab looks there


def _name_stand_ins(manager: Any) -> None:
    """List fonts a second time under the names of those they stand in for, where those are absent."""
    present = {entry.name for entry in manager.ttflist}
    for family, aliases in _FAMILIES.items():
        entries = [entry for entry in manager.ttflist if entry.name == family]
        for alias in aliases:
            if alias not in present:
                manager.ttflist += [dataclasses.replace(entry, name=alias) for entry in entries]


if __name__ == "__main__":
    main(sys.argv[1])
