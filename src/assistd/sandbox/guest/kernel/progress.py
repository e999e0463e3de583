"""Progress bars of tqdm for notebooks as plain ones, where there are no widgets to draw them with."""

# tqdm lives in the interpreter environment, not in the server's, where types are checked.
# pyright: reportMissingImports=false, reportMissingModuleSource=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false, reportMissingTypeArgument=false, reportAttributeAccessIssue=false, reportUntypedBaseClass=false

from typing import Any

from tqdm import notebook, std


class _Bar(std.tqdm):
    def __init__(self, *args: Any, display: bool = True, **options: Any) -> None:
        super().__init__(*args, disable=options.pop("disable", False) or not display, **options)


def _range(*args: Any, **options: Any) -> _Bar:
    return _Bar(range(*args), **options)


def draw_notebook_bars_as_text() -> None:
    """Have `tqdm.notebook` draw in text, unless ipywidgets is there."""
    if notebook.IProgress is None:
        notebook.tqdm = notebook.tqdm_notebook = _Bar
        notebook.trange = notebook.tnrange = _range
