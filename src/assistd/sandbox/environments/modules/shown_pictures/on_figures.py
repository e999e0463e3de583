"""`Figure.show()` of matplotlib, which would need a window."""

# These packages live in the interpreter environment, not in the server's, where types are checked.
# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false

from typing import Any


def change(figure: Any) -> None:
    """Show a figure at once, also one that pyplot does not know of."""
    figure.Figure.show = _show


def _show(figure: Any, warn: bool = True) -> None:  # noqa: FBT001, FBT002  matplotlib's signature
    from IPython.display import display  # noqa: PLC0415  as slow to import as matplotlib itself

    display(figure)
