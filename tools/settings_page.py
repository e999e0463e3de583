"""Writes docs/settings.md from the table of settings; `make docs` runs it."""

import json
from pathlib import Path

from pydantic import AliasChoices
from pydantic_core import PydanticUndefined

from assistd.settings import Settings

PAGE = Path(__file__).parent.parent / "docs" / "settings.md"
_HEAD = """\
# Settings

Each is read from the environment, or from a file `.env` in the folder where assistd is started. This page is made by
`make docs`.

| setting | default | meaning |
|---|---|---|
"""
_FOLDERS = {"data_dir": "`~/.local/share/assistd`", "cache_dir": "`~/.cache/assistd`"}


def page() -> str:
    """The page's text."""
    lines: list[str] = []
    for name, field in Settings.model_fields.items():
        if field.default is PydanticUndefined:
            shown = _FOLDERS.get(name, "`{}`")
        else:
            shown = "none" if field.default is None else f"`{json.dumps(field.default)}`"
        alias = field.validation_alias
        variable = (
            alias.choices[0] if isinstance(alias, AliasChoices) else f"ASSISTD_{name.upper()}"
        )
        lines.append(f"| `{variable}` | {shown} | {field.description} |")
    return _HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
