"""What code leaves in /mnt/data becomes bytes on the host's disk: never more than it held there."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistd.db import projects
from assistd.db.database import Database
from assistd.engine.policy import Policy
from assistd.engine.workspace.contents import Scope
from assistd.engine.workspace.storage import Storage
from assistd.files.blobs import LocalBlobs
from assistd.files.store import FileStore
from assistd.objects.project import ProjectLimits
from assistd.sandbox.base import MIB
from assistd.sandbox.session.session import GuestSession
from assistd.settings import Settings
from assistd.wiring import storage
from tests.sandbox.rig import LIMITS

SPARSE = (
    "for n in range(6):\n    with open(f's{n}', 'wb') as f: f.write(b'x'); f.truncate(40 << 20)"
)
LINKED = "import os\nopen('a', 'wb').write(os.urandom(8 << 20))\nfor n in range(20): os.link('a', f'l{n}')"
GROWING = """
import os, time
names = [f'g{n}' for n in range(6)]
for name in names: open(name, 'wb').write(b'x' * (2 << 20))
if os.fork() == 0:
    while True:
        for name in names: os.truncate(name, 45 << 20)
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A state of its own."""
    return Settings(data_dir=tmp_path)


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    """A database that is up to date."""
    with storage.migrated_database(settings) as made:
        yield made


def _storage(database: Database, settings: Settings, limits: ProjectLimits) -> Storage:
    files = FileStore(database, storage.blob_store(settings), limits)
    return Storage(database, files, Policy(project_limits=limits))


@pytest.fixture
def most_on_disk(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The bytes that the blob store held at once, as they were whenever some were to be added."""
    seen: list[int] = []
    asked = LocalBlobs._fits

    def fits(self: LocalBlobs, size: int) -> bool:
        with os.scandir(settings.data_dir / "blobs" / "files") as found:
            seen.append(size + sum(entry.stat().st_size for entry in found))
        return asked(self, size)

    monkeypatch.setattr(LocalBlobs, "_fits", fits)
    return seen


@pytest.mark.parametrize("code", [SPARSE, LINKED, GROWING], ids=["sparse", "linked", "growing"])
async def test_no_more_reaches_the_disk_than_the_folder_may_hold(
    session: GuestSession,
    settings: Settings,
    database: Database,
    most_on_disk: list[int],
    code: str,
) -> None:
    assert (await session.execute(code)).status == "ok"
    keeper = _storage(database, settings, ProjectLimits())
    project = await database.run(projects.default)
    kept = await keeper.harvest(Scope("thread_1", project.id), session)
    assert max(most_on_disk) <= LIMITS.data_room
    if code == LINKED:
        assert (len(kept.files), kept.notes) == (21, ())
        assert max(most_on_disk) <= 9 * MIB
    if code == SPARSE:
        assert list(kept.files) == ["s0"]
        assert sum("s1 could not be kept: it has holes" in note for note in kept.notes) == 1


@pytest.mark.parametrize("code", [SPARSE, LINKED], ids=["sparse", "linked"])
async def test_a_project_that_is_full_has_nothing_written_to_the_disk(
    session: GuestSession,
    settings: Settings,
    database: Database,
    most_on_disk: list[int],
    code: str,
) -> None:
    assert (await session.execute(code)).status == "ok"
    keeper = _storage(database, settings, ProjectLimits(storage_bytes=MIB))
    project = await database.run(projects.default)
    kept = await keeper.harvest(Scope("thread_1", project.id), session)
    assert not kept.files
    assert any("exceeded your file storage quota" in note for note in kept.notes)
    assert not most_on_disk
