"""The pages for a browser stay small: what the playground fetches before it is shown."""

import gzip
import re
from pathlib import Path

from tests.house.code import PACKAGE

_PAGES = PACKAGE / "ui"
_MOST_BYTES = 180_000
_LINKED = re.compile(r'(?:src|href)="([^"]+\.(?:js|css))"')
_IMPORTED = re.compile(r'(?:from|(?<![.\w])import)\s*"\./([^"]+)"')


def test_the_playground_fetches_at_most_180_kb_before_it_is_shown() -> None:
    found: dict[Path, bytes] = {}
    waiting = [_PAGES / name for name in _LINKED.findall((_PAGES / "playground.html").read_text())]
    assert waiting
    while waiting:
        path = waiting.pop()
        if path not in found:
            found[path] = path.read_bytes()
            waiting += [_PAGES / name for name in _IMPORTED.findall(found[path].decode())]
    assert sum(len(gzip.compress(content)) for content in found.values()) <= _MOST_BYTES
