"""What seldom happens is counted where it happens."""

from collections.abc import AsyncIterator

import pytest
from obstore.store import ObjectStore
from sqlalchemy import Connection, text

from assistd import clock, metrics
from assistd.db.database import FAILURES, Database
from assistd.db.transaction import transaction
from assistd.files.store import FileStore
from assistd.objects.project import ProjectLimits


@transaction(short=True)
def ask_nonsense(connection: Connection) -> None:
    connection.execute(text("SELECT * FROM nowhere"))


@transaction(writes=True)
def write_nonsense(connection: Connection) -> None:
    connection.execute(text("DELETE FROM nowhere"))


@transaction()
def refuse(_: Connection) -> None:
    raise KeyError


@pytest.mark.every_backend
async def test_what_the_database_fails_is_counted_and_not_what_its_callers_refuse(
    database: Database,
) -> None:
    before = {access: metrics.DB_ERRORS.of(access).value for access in ("read", "write")}
    for function, error in (
        (ask_nonsense, FAILURES),
        (write_nonsense, FAILURES),
        (refuse, KeyError),
    ):
        with pytest.raises(error):
            await database.run(function)
    found = {access: metrics.DB_ERRORS.of(access).value for access in before}
    assert found == {access: count + 1 for access, count in before.items()}


async def test_a_blob_that_nobody_names_is_counted_when_it_is_swept(
    database: Database, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"lost"

    files = FileStore(database, store, ProjectLimits())
    await files.put(chunks(), 10)
    before = metrics.BLOBS_SWEPT.of().value
    await files.sweep()
    assert metrics.BLOBS_SWEPT.of().value == before
    monkeypatch.setattr(clock, "_offset", clock._offset)
    clock.advance(2 * 3600)
    await files.sweep()
    assert metrics.BLOBS_SWEPT.of().value == before + 1
