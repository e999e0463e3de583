"""The rooms the engine works with, wired once by `wiring/server.py`."""

from collections.abc import Callable
from dataclasses import dataclass, field

from assistd.db.database import Database
from assistd.engine.embeddings import Embeddings
from assistd.engine.policy import Policy
from assistd.engine.previews.cache import PreviewCache
from assistd.engine.timeline import EndedRun, Observer
from assistd.engine.vector_stores.indexer import Indexer
from assistd.engine.vector_stores.searching import StoreSearch
from assistd.engine.workspace.workspace import Workspaces
from assistd.files.store import FileStore
from assistd.files.uploads import Uploads
from assistd.metering.completions import Asker, CompletionsMeter
from assistd.models.base import Tokens
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
    completions: CompletionsMeter
    previews: PreviewCache = field(default_factory=PreviewCache)
    observers: tuple[Observer, ...] = ()
    """Who is told of each run and each response that ends."""

    def tell_ended(self, ended: EndedRun) -> None:
        """Tell the observers of the end of a run or a response."""
        for observe in self.observers:
            observe(ended)

    def meter(
        self, model: str, project_id: str, *, key_id: str | None = None, run_id: str | None = None
    ) -> Callable[[Tokens], None]:
        """Return what counts the answers of a model, for a run or on a key of a project."""
        asker = Asker(project_id, self.models.name_class(model), key_id, run_id)

        def count(tokens: Tokens) -> None:
            self.completions.add(
                asker, prompt=tokens.prompt, completion=tokens.completion, cached=tokens.cached
            )

        return count
