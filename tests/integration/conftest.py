"""What tests of single rooms stand on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from assistd.db.database import Database


@pytest.fixture
def database_file(tmp_path: Path) -> Path:
    """Where the database is."""
    return tmp_path / "db.sqlite3"


@pytest.fixture
def database(database_file: Path) -> Iterator[Database]:
    """A database of SQLite that is up to date, with the default project alone."""
    made = Database(f"sqlite:///{database_file}")
    made.open()
    yield made
    made.close()
