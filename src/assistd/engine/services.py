"""The rooms the engine works with, wired once by `wiring/server.py`."""

from dataclasses import dataclass, field

from assistd.db.database import Database
from assistd.engine.embeddings import Embeddings
from assistd.engine.policy import Policy
from assistd.engine.previews.cache import PreviewCache
from assistd.engine.vector_stores.indexer import Indexer
from assistd.engine.vector_stores.searching import StoreSearch
from assistd.engine.workspace.workspace import Workspaces
from assistd.files.store import FileStore
from assistd.files.uploads import Uploads
from assistd.models.registry import Registry
from assistd.search.base import SearchIndex


@dataclass(frozen=True, slots=True)
class Services:
    """What a run needs besides itself."""

    database: Database
    files: FileStore
    uploads: Uploads
    models: Registry
    workspaces: Workspaces
    index: SearchIndex
    search: StoreSearch
    indexer: Indexer
    embeddings: Embeddings
    policy: Policy
    previews: PreviewCache = field(default_factory=PreviewCache)
