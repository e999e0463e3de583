"""The module `webbrowser`: nobody sees a browser here, and code is told so."""

import functools
import re
import sys
from typing import Any

_LOCAL = re.compile(r"https?://(localhost|127\.|0\.0\.0\.0|\[::)")
_HINT = (
    "A page was not shown: there is no browser here. Save it as an .html file in /mnt/data and link it, "
    "or draw the chart with matplotlib or plotly."
)


def change(webbrowser: Any) -> None:
    """Say that a page was not shown, instead of nothing at all."""

    class NoBrowser(webbrowser.BaseBrowser):
        def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:  # noqa: FBT001, FBT002  as there
            if _LOCAL.match(url):  # a server in this program would wait for the browser, for ever
                raise webbrowser.Error(_HINT)
            sys.stderr.write(f"{_HINT}\n")
            return False

    browser = NoBrowser()
    webbrowser.get = functools.partial(_get, webbrowser.get, browser)
    webbrowser.open = browser.open


def _get(original: Any, browser: Any, using: str | None = None) -> Any:
    return browser if using is None else original(using)
