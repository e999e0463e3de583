"""`Image.show()` of Pillow, which would start a program with a window."""

# These packages live in the interpreter environment, not in the server's, where types are checked.
# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownParameterType=false, reportUntypedBaseClass=false

from typing import Any


def change(image_show: Any) -> None:
    """Have images shown as a notebook shows them, before any program of the host is tried."""

    class Display(image_show.Viewer):
        def show(self, image: Any, **_: Any) -> int:
            from IPython.display import display  # noqa: PLC0415  slow, and not always needed

            display(image)
            return 1

    image_show.register(Display, 0)
