"""What tests of single rooms stand on: a database and a blob store, of either kind."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from obstore.store import ObjectStore

from assistd.db.database import Database
from assistd.engine.embeddings import Embeddings
from assistd.engine.services import Policy, Services
from assistd.engine.vector_stores.indexer import Indexer
from assistd.engine.vector_stores.searching import StoreSearch
from assistd.engine.workspace.storage import Storage
from assistd.engine.workspace.workspace import Workspaces
from assistd.files.store import FileStore
from assistd.files.uploads import Uploads
from assistd.metering.completions import CompletionsMeter
from assistd.models.registry import Registry
from assistd.objects.project import ProjectLimits
from assistd.sandbox.fake import FakeSessions
from assistd.search.index.sqlite import SqliteStore
from assistd.search.text_index import TextIndex
from assistd.settings import Settings
from assistd.wiring.storage import blob_store, migrated_database
from tests.integration.memory_index import MemoryExtractor
from tests.live.backends import Backend, Backends


@pytest.fixture
def settings(
    backend: Backend, backends: Backends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """The settings of an empty state."""
    state = backends.state(backend, tmp_path)
    for name, value in state.environment.items():
        monkeypatch.setenv(name, value)
    return Settings.model_validate(state.settings)


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    """A database that is up to date, with the default project alone."""
    with migrated_database(settings) as made:
        yield made


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def each_database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, backends: Backends
) -> Iterator[Database]:
    """An empty database that a module's tests share, of each kind in turn."""
    path = tmp_path_factory.mktemp("db") / "test.sqlite3"
    local = request.param == "sqlite"
    made = Database(f"sqlite:///{path}" if local else backends.new_database())
    made.open()
    yield made
    made.close()


@pytest.fixture
def store(settings: Settings) -> ObjectStore:
    """Where the bytes are."""
    return blob_store(settings)


@pytest.fixture
def services(settings: Settings, database: Database, store: ObjectStore) -> Services:
    files = FileStore(database, store, ProjectLimits())
    policy = Policy(lease_seconds=1)
    workspaces = Workspaces(
        FakeSessions(added=("polars", "duckdb")), Storage(database, files, policy)
    )
    uploads = Uploads(database, files, 1)
    index = TextIndex(SqliteStore(settings.data_dir / "search", 1 << 20), None)
    indexer = Indexer(database, files, MemoryExtractor(), index, policy)
    search = StoreSearch(database, index, indexer.upkeep.report_damage)
    models = Registry()
    return Services(
        database=database,
        files=files,
        uploads=uploads,
        models=models,
        workspaces=workspaces,
        index=index,
        search=search,
        indexer=indexer,
        embeddings=Embeddings(None, models),
        policy=policy,
        completions=CompletionsMeter(database),
    )
