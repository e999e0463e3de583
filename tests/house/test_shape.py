"""The shape of the package: small files, and folders that a reader takes in at one look."""

from collections import Counter
from pathlib import PurePath

from tests.house.code import modules

_MOST_LINES = 400
_MOST_MODULES = 15
# What is larger from before: nothing is added here, and no number grows.
_FILES_LEFT: dict[str, int] = {}
_FOLDERS_LEFT: dict[str, int] = {}


def test_no_file_is_longer_than_a_reader_bears() -> None:
    lines = {module: len(text.splitlines()) for module, text in modules().items()}
    assert {name: n for name, n in lines.items() if n > _MOST_LINES} == _FILES_LEFT


def test_no_folder_has_more_modules_than_a_reader_takes_in() -> None:
    counts = Counter(
        str(PurePath(module).parent)
        for module in modules()
        if PurePath(module).name != "__init__.py"
        and not {"environments", "versions"} & set(PurePath(module).parts)  # data, and history
    )
    assert {name: n for name, n in counts.items() if n > _MOST_MODULES} == _FOLDERS_LEFT
