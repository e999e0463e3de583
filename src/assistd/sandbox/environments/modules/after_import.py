"""Runs code of ours right after some libraries are imported, in each Python of this environment.

The file `after_import.pth` has every Python import this module at its start: sessions and the programs
that they start. Nothing is imported before code asks for it.
"""

import functools
import importlib
import importlib.machinery
import sys
from types import ModuleType
from typing import Any

# By the module that was imported: the module of ours whose `change(module)` is called then.
_CHANGES = {
    "reportlab.pdfgen.textobject": "fallback_fonts.in_reportlab",
    "reportlab.platypus.paragraph": "fallback_fonts.in_paragraphs",
    "fpdf.fpdf": "fallback_fonts.in_fpdf",
    "IPython.core.display_functions": "shown_pictures.on_display",
    "matplotlib.figure": "shown_pictures.on_figures",
    "matplotlib.pyplot": "shown_pictures.on_backends",
    "PIL.ImageShow": "shown_pictures.on_pillow",
    "cv2": "shown_pictures.on_opencv",
    "plotly.io._renderers": "shown_pictures.on_plotly",
    "webbrowser": "shown_pictures.on_browser",
}


class _Finder:
    """Finds the modules that are to be changed, and no others."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> Any:
        ours = _CHANGES.get(name)
        spec = importlib.machinery.PathFinder.find_spec(name, path, target) if ours else None
        if ours and spec and spec.loader:
            run: Any = functools.partial(_execute, spec.loader.exec_module, ours)
            spec.loader.exec_module = run
        return spec


def _execute(execute: Any, ours: str, module: ModuleType) -> None:
    execute(module)
    importlib.import_module(ours).change(module)


sys.meta_path.insert(0, _Finder)
