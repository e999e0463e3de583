"""plotly's renderers for browsers and notebooks: `fig.show()` makes a picture, whichever code names."""

# These packages live in the interpreter environment, not in the server's, where types are checked.
# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from typing import Any

from plotly.io._base_renderers import ImageRenderer


def change(module: Any) -> None:
    """Let the renderer of PNGs stand for all that need a browser."""
    renderers = module.renderers
    png = renderers["png"]
    for name in list(renderers):
        if name != "json" and not isinstance(renderers[name], ImageRenderer):
            renderers[name] = png
