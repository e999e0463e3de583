"""Uploads whose hour is over: they take nothing more, and their parts are freed."""

from collections.abc import AsyncIterator

import pytest
from obstore.store import ObjectStore

from assistd import clock
from assistd.db import nouns, projects
from assistd.db.database import Database
from assistd.errors import RequestError
from assistd.files.rows import Blob
from assistd.files.store import FileStore
from assistd.files.uploads import UploadKey, Uploads, new_upload
from assistd.objects.project import ProjectLimits

pytestmark = [pytest.mark.every_backend, pytest.mark.cluster]


async def chunks(*each: bytes) -> AsyncIterator[bytes]:
    for chunk in each:
        yield chunk


async def test_an_upload_expires_after_an_hour_and_its_parts_are_freed(
    database: Database, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = clock.now()
    monkeypatch.setattr(clock, "now", lambda: moment)
    files = FileStore(database, store, ProjectLimits())
    uploads = Uploads(database, files, 1 << 20)
    project = await database.run(projects.default)
    begun = new_upload(filename="a", purpose="batch", size=2, file_seconds=None)
    upload = await uploads.create(project.id, begun)
    key = UploadKey(project.id, upload.id)

    async def blob() -> Blob:
        return await files.put(chunks(b"ab"), 10)

    def stored() -> int:
        return sum(len(page) for page in store.list())

    part = await uploads.add_part(key, await blob())
    moment += 3599
    await uploads.delete_expired()
    await uploads.require_pending(key)
    moment += 1
    late = await blob()
    with pytest.raises(RequestError, match="has status 'expired'"):
        await uploads.complete(key, [part.id], None)
    with pytest.raises(RequestError, match="has status 'expired'"):
        await uploads.add_part(key, late)
    assert stored() == 1, "the late part was kept"
    await uploads.delete_expired()
    assert stored() == 0
    assert (await database.run(nouns.uploads.get, upload.id)).status == "expired"
    assert await database.run(nouns.uploads.due, "expires_at", clock.seconds()) == []
