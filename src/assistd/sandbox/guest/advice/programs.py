"""Advice on programs that are not on the PATH, and on installing anything."""

import os
import re
import shlex
from typing import cast

from assistd.sandbox.guest.advice.failure import Failure, has, quote
from assistd.sandbox.guest.advice.modules import CANNOT_INSTALL, advise_on_install
from assistd.sandbox.guest.advice.rule import Match, rule

_NOT_FOUND = 127  # the shell's exit code
_OCR = (("rapidocr", "from rapidocr import RapidOCR"), ("rapidocr_onnxruntime", "from rapidocr_onnxruntime import RapidOCR"))  # fmt: skip
_VIDEO = (
    ("imageio_ffmpeg", "the ffmpeg that imageio_ffmpeg.get_ffmpeg_exe() names"),
    ("cv2", "cv2.VideoWriter and cv2.VideoCapture"),
)
_PDF = (
    ("reportlab", "reportlab writes a PDF"),
    ("matplotlib", "matplotlib's mathtext draws formulas"),
)
_OFFICE = (
    ("docx", "python-docx (import docx)"),
    ("openpyxl", "openpyxl"),
    ("pptx", "python-pptx (import pptx)"),
    ("reportlab", "reportlab for a PDF"),
)
_UNPACK = (("py7zr", "py7zr"), ("zipfile", "zipfile or shutil.unpack_archive"))
_GRAPHS = (("networkx", "networkx with matplotlib"),)
_PDF_TOOLS = (("pypdfium2", "pypdfium2"), ("pdfplumber", "pdfplumber"), ("pypdf", "pypdf"))
_PICTURES = (("PIL", "PIL (Pillow)"), ("resvg_py", "resvg_py for SVG"))
_NET = ()
_INSTEAD: dict[str, tuple[tuple[str, str], ...]] = {
    **dict.fromkeys(("pdflatex", "xelatex", "lualatex", "latex", "dvipng", "tectonic", "wkhtmltopdf"), _PDF),
    **dict.fromkeys(("soffice", "libreoffice", "unoconv", "pandoc", "antiword", "catdoc"), _OFFICE),
    **dict.fromkeys(("tesseract",), _OCR),
    **dict.fromkeys(("ffmpeg", "ffprobe", "avconv"), _VIDEO),
    **dict.fromkeys(("dot", "neato", "mmdc"), _GRAPHS),
    **dict.fromkeys(("7z", "7za", "7zr", "unrar", "unzip", "zip", "tar"), _UNPACK),
    **dict.fromkeys(("pdftotext", "pdftoppm", "pdfinfo", "qpdf", "gs", "mutool", "pdftk"), _PDF_TOOLS),
    **dict.fromkeys(("convert", "magick", "inkscape", "rsvg-convert", "exiftool"), _PICTURES),
    **dict.fromkeys(("curl", "wget", "git", "ssh", "ping"), _NET),
    **dict.fromkeys(("java", "javac", "node", "npm", "npx", "Rscript", "R", "gcc", "g++", "make", "go", "cargo"), ()),
    **dict.fromkeys(("apt", "apt-get", "yum", "apk", "sudo", "brew", "docker"), ()),
}  # fmt: skip
_INSTALLERS = {"pip", "pip3", "conda", "mamba", "uv", "apt", "apt-get", "easy_install", "pipx"}
_LIKE_PYTHON = re.compile(r"python[\d.]*")


def advise_on_program(name: str) -> str:
    """Return what to use instead of a program that is not here."""
    program = os.path.basename(name)
    if program in _INSTALLERS | {"sudo", "yum", "apk", "brew"}:
        return CANNOT_INSTALL
    if program in {"curl", "wget", "git", "ssh", "ping"}:
        return f"The program {quote(program)} is not here, and there is no internet."
    instead = [text for module, text in _INSTEAD.get(program, ()) if has(module)]
    advice = f"The program {quote(program)} is not here and cannot be installed"
    if instead:
        return f"{advice}. In Python, use instead: {'; '.join(instead)}."
    return f"{advice}: do it in Python."


def advise_on_command(command: str, exit_code: int) -> str | None:
    """Return what to do about a shell command that failed, by its words and its exit code."""
    try:
        words = shlex.split(command, comments=True)
    except ValueError:
        words = command.split()
    for start in _starts(words):
        program = os.path.basename(words[start])
        rest = words[start + 1 :]
        if _LIKE_PYTHON.fullmatch(program) and rest[:2] == ["-m", "pip"]:
            return advise_on_install(rest[2:])
        if program in _INSTALLERS:
            return advise_on_install(rest)
        if program == "sudo":
            return CANNOT_INSTALL
        if exit_code == _NOT_FOUND and program in _INSTEAD:
            return advise_on_program(program)
    return None


def _starts(words: list[str]) -> list[int]:
    """Return where commands begin in a line of a shell."""
    return [
        at
        for at, word in enumerate(words)
        if word and (at == 0 or words[at - 1][-1:] in {"&", "|", ";"} or words[at - 1] == "sudo")
    ]


def _advise_missing(failure: Failure, match: Match) -> str | None:
    name = getattr(failure.error, "filename", None) or match[1]
    if isinstance(name, str) and failure.runs_in("subprocess", "asyncio", "pexpect", "os"):
        is_command = "/" not in name or os.path.basename(name) in _INSTEAD
        return advise_on_program(name) if is_command else None
    return None


def _advise_on_call(failure: Failure, _: Match) -> str | None:
    command = getattr(failure.error, "cmd", None)
    code = getattr(failure.error, "returncode", 0)
    if isinstance(command, (list, tuple)):
        command = shlex.join(map(str, cast("list[object]", command)))
    if isinstance(command, bytes):  # of a %%bash cell
        command = command.decode("utf-8", "replace")
    return advise_on_command(command, code) if isinstance(command, str) else None


def _advise_bash(failure: Failure, _: Match) -> str | None:
    """Of a cell such as `%%bash`: the first of its lines that begins with a program that is not here."""
    for line in failure.cell.splitlines()[1:]:
        if advice := advise_on_command(line, _NOT_FOUND):
            return advice
    return None


RULES = (
    rule("FileNotFoundError", r"No such file or directory: b?'([^']+)'", _advise_missing),
    rule("CalledProcessError", r"", _advise_on_call),
    rule("CalledProcessError", r"exit status 127", _advise_bash),
    rule("Exception", r"(tesseract) is not installed", lambda _, match: advise_on_program(match[1])),
    rule("Exception", r"failed to execute (?:PosixPath\()?'(dot|neato)'", lambda _, match: advise_on_program(match[1])),
    rule("OSError", r"No (pandoc) was found", lambda _, match: advise_on_program(match[1])),
    rule("Exception", r"`?(java)`? command is not found", lambda _, match: advise_on_program(match[1])),
    rule("Exception", r"(?:No|Could not find).*(ffmpeg)", lambda _, match: advise_on_program(match[1])),
)  # fmt: skip
