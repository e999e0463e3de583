"""The services that endpoints use: each endpoint asks for those it needs, by parameters of these types."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Protocol

from fastapi import Depends, FastAPI

from assistd.api.framework.services import find_service, provide
from assistd.api.relay import RelayedResponse
from assistd.db.database import Database
from assistd.engine.embeddings import Embeddings
from assistd.engine.operator.reporting import Reporter
from assistd.engine.operator.tenants import Tenants
from assistd.engine.policy import Policy
from assistd.engine.readiness import Readiness
from assistd.engine.responses.runner import ResponseRunner
from assistd.engine.responses.sent_files import SentFiles
from assistd.engine.runner import Runner
from assistd.engine.vector_stores.indexer import Indexer
from assistd.engine.vector_stores.searching import StoreSearch
from assistd.files.store import FileStore
from assistd.files.uploads import Uploads
from assistd.metering.completions import CompletionsMeter


class Backend(Protocol):
    """The server that has a model of some name."""

    @property
    def model(self) -> str:
        """The name of the model there."""
        ...

    async def ask(
        self, path: str, body: bytes, meter: Callable[[Any], None] | None = None
    ) -> RelayedResponse:
        """Pass a request on, and return the response to it; `meter` is told what it cost."""
        ...


class Models(Protocol):
    """The models, as far as endpoints ask for them."""

    @property
    def is_local_default(self) -> bool:
        """Whether the built-in model answers for every name that nothing else has."""
        ...

    async def names(self) -> list[str]:
        """Return the names that can be asked for."""
        ...

    def pass_through(self, name: str) -> Backend:
        """Return the server that has the model of a name."""
        ...


class Meter(Protocol):
    """Makes what counts the answers of a model, on a key of a project."""

    def __call__(
        self, model: str, project_id: str, *, key_id: str | None = None
    ) -> Callable[[Any], None]:
        """Return what is to be told the tokens of each answer."""
        ...


class Sandbox(Protocol):
    """The sandbox, as far as endpoints ask for it."""

    @property
    def is_ready(self) -> bool:
        """Whether sessions can be opened at once."""
        ...

    @property
    def jail(self) -> str | None:
        """What isolates sessions; None until it is known."""
        ...


ResponsesDep = Annotated[ResponseRunner, Depends(find_service("responses"))]
RunnerDep = Annotated[Runner, Depends(find_service("runner"))]
DatabaseDep = Annotated[Database, Depends(find_service("database"))]
FilesDep = Annotated[FileStore, Depends(find_service("files"))]
UploadsDep = Annotated[Uploads, Depends(find_service("uploads"))]
ModelsDep = Annotated[Models, Depends(find_service("models"))]
SandboxDep = Annotated[Sandbox, Depends(find_service("sandbox"))]
SearchDep = Annotated[StoreSearch, Depends(find_service("search"))]
SentFilesDep = Annotated[SentFiles, Depends(find_service("sent_files"))]
IndexerDep = Annotated[Indexer, Depends(find_service("indexer"))]
EmbeddingsDep = Annotated[Embeddings, Depends(find_service("embeddings"))]
MeterDep = Annotated[Meter, Depends(find_service("meter"))]
CompletionsDep = Annotated[CompletionsMeter, Depends(find_service("completions"))]
ReporterDep = Annotated[Reporter, Depends(find_service("reporter"))]
TenantsDep = Annotated[Tenants, Depends(find_service("tenants"))]
PolicyDep = Annotated[Policy, Depends(find_service("policy"))]
FeaturesDep = Annotated[Mapping[str, bool], Depends(find_service("features"))]
"""What can be switched on and off, by name."""
ReadinessDep = Annotated[Readiness, Depends(find_service("readiness"))]


def provide_services(
    app: FastAPI, runner: Runner, responses: ResponseRunner, readiness: Readiness
) -> None:
    """Give an app's endpoints the runners, and their services."""
    services = runner.services
    models: Models = services.models
    sandbox: Sandbox = services.workspaces.sessions
    provide(
        app,
        runner=runner,
        responses=responses,
        database=services.database,
        files=services.files,
        uploads=services.uploads,
        sent_files=SentFiles(services.database, services.files, services.policy),
        models=models,
        meter=services.meter,
        embeddings=services.embeddings,
        sandbox=sandbox,
        readiness=readiness,
        search=services.search,
        indexer=services.indexer,
        policy=services.policy,
        completions=services.completions,
    )
