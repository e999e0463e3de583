"""The fixtures of tests that drive a live server; every answer they get is judged at their end."""

import functools
import itertools
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from openai import AsyncOpenAI, OpenAI

from tests.live import response_stream, specification
from tests.live.backends import Backend, Backends
from tests.live.forking import Forking
from tests.live.server import API_KEY, Server
from tests.live.stream import assert_sound
from tests.live.tenants import client_of
from tests.live.wire import Wire
from tests.upstream import Upstream

StartServer = Callable[..., Server]
FindServer = Callable[[Backend, int | None], Server]


@functools.cache
def the_specification() -> specification.Specification | None:
    """The specification, where this machine has it."""
    return specification.Specification() if specification.PATH.exists() else None


@functools.cache
def the_responses_specification() -> response_stream.ResponsesSpecification | None:
    """The specification of the Responses API, where this machine has it."""
    path = response_stream.PATH
    return response_stream.ResponsesSpecification() if path.exists() else None


@pytest.fixture
def official() -> specification.Specification:
    """The specification, for tests that ask it themselves."""
    found = the_specification()
    if found is None:
        pytest.skip(f"the official specification is not at {specification.PATH}")
    return found


@pytest.fixture
def official_responses() -> response_stream.ResponsesSpecification:
    """The specification of the Responses API, for tests that ask it themselves."""
    found = the_responses_specification()
    if found is None:
        pytest.skip(f"the official specification is not at {response_stream.PATH}")
    return found


@pytest.fixture(scope="session")
def shared_upstream() -> Iterator[Upstream]:
    with Upstream() as upstream:
        yield upstream


@pytest.fixture
def upstream(shared_upstream: Upstream) -> Iterator[Upstream]:
    """The scripted upstream behind every model name but `direct`, forgetful between tests."""
    shared_upstream.clear()
    yield shared_upstream
    for gate in shared_upstream._gates:
        gate.release()
    shared_upstream._gates.clear()


@pytest.fixture(scope="session")
def backends() -> Iterator[Backends]:
    """Where servers under test keep their state."""
    backends = Backends()
    yield backends
    backends.close()


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> Backend:
    """What is behind the servers of this test; `--backends` and the mark `every_backend` choose."""
    return getattr(request, "param", "sqlite+folder")


@pytest.fixture
def workers(request: pytest.FixtureRequest) -> int | None:
    """How many API processes the servers of this test have; `--workers` and the mark `every_size` choose."""
    return getattr(request, "param", request.config.getoption("--workers"))


@pytest.fixture(scope="session")
def shared_servers(
    shared_upstream: Upstream,
    tmp_path_factory: pytest.TempPathFactory,
    backends: Backends,
) -> Iterator[FindServer]:
    """One server per backend and size for all tests of a worker that need no settings of their own."""
    servers: dict[tuple[Backend, int | None], Server] = {}

    def of(backend: Backend, workers: int | None) -> Server:
        if (backend, workers) not in servers:
            folder = tmp_path_factory.mktemp("server")
            state = backends.state(backend, folder)
            servers[backend, workers] = Server(
                folder,
                shared_upstream.url,
                state=state,
                workers=workers,
                lease_seconds=4,
                log_level="debug",
            ).start()
        return servers[backend, workers]

    yield of
    for server in servers.values():
        server.stop()


@pytest.fixture
def server(
    shared_servers: FindServer,
    backend: Backend,
    workers: int | None,
    request: pytest.FixtureRequest,
) -> Iterator[Server]:
    server = shared_servers(backend, workers)
    before = len(server.log)
    yield server
    request.node.add_report_section("teardown", "server log", server.log[before:])


@pytest.fixture(scope="session")
def forking() -> Iterator[Forking]:
    """What starts the servers with settings of their own."""
    forking = Forking()
    yield forking
    forking.close()


@pytest.fixture
def start_server(
    upstream: Upstream,
    forking: Forking,
    backends: Backends,
    backend: Backend,
    workers: int | None,
    request: pytest.FixtureRequest,
) -> Iterator[StartServer]:
    """Starts a server with settings of its own: `start_server(run_seconds=3)`.

    `beside=other` gives it the state of another server.
    """
    numbers = itertools.count()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:

        def start(
            upstream_url: str | None = upstream.url,
            beside: Server | None = None,
            **settings: object,
        ) -> Server:
            home = Path(folder) / str(next(numbers))
            state = beside.state if beside else backends.state(backend, home)
            own = {"workers": workers, **settings}
            server = Server(home, upstream_url, state=state, forking=forking, **own)
            server.start()
            stack.callback(_stop, server, request)
            return server

        yield start


def _stop(server: Server, request: pytest.FixtureRequest) -> None:
    request.node.add_report_section("teardown", "server log", server.log)
    if server.running:
        server.stop()


@pytest.fixture
def wire(workers: int | None) -> Iterator[Wire]:
    """All that the clients of a test exchanged; at the end of the test it is judged."""
    wire = Wire(keeps_alive=workers is None)
    yield wire
    judge(wire)


def judge(wire: Wire) -> None:
    """See that nothing was an error of ours, errors have OpenAI's shape, streams are sound and all is to the letter."""
    official, official_responses = the_specification(), the_responses_specification()
    complaints: list[str] = []
    for exchange in wire.exchanges:
        if exchange.path.endswith("/completions"):
            continue  # the upstream's own words
        # A full disk, and an upstream that fails, are the only faults that clients may be told of.
        is_foreseen = exchange.status == 507 or (
            exchange.of_responses
            and exchange.status == 500
            and b'"server_error"' in exchange.body
            and exchange.json["error"]["code"] == "server_error"
        )
        assert exchange.status < 500 or is_foreseen, (
            f"{exchange.method} {exchange.path}: {exchange.body!r}"
        )
        if exchange.status >= 400:
            error = exchange.json["error"]
            assert list(error) == ["message", "type", "param", "code"]
        if exchange.abandoned and not (exchange.of_responses and exchange.streamed):
            continue
        if exchange.streamed and not exchange.abandoned:
            is_sound = response_stream.assert_sound if exchange.of_responses else assert_sound
            is_sound(exchange.events)
        judge = official_responses if exchange.of_responses else official
        if judge:
            complaints += judge.complaints(exchange)
    assert not complaints, "\n".join(complaints)


ConnectClient = Callable[[Server], OpenAI]


@pytest.fixture
def connect(wire: Wire) -> Iterator[ConnectClient]:
    """Points an SDK client at a server."""
    with ExitStack() as stack:

        def connect(server: Server) -> OpenAI:
            http = httpx.Client(transport=wire.transport(), timeout=60)
            return stack.enter_context(
                OpenAI(base_url=server.url, api_key=API_KEY, http_client=http)
            )

        yield connect


@pytest.fixture
def client(server: Server, connect: ConnectClient) -> OpenAI:
    """The official SDK, pointed at the server; it retries as it does by default."""
    return connect(server)


@pytest.fixture
async def async_client(server: Server, wire: Wire) -> AsyncIterator[AsyncOpenAI]:
    http = httpx.AsyncClient(transport=wire.async_transport(), timeout=60)
    async with AsyncOpenAI(base_url=server.url, api_key=API_KEY, http_client=http) as client:
        yield client


@pytest.fixture
def raw(server: Server, wire: Wire) -> Iterator[httpx.Client]:
    """A plain HTTP client with the key and the beta header, for what no SDK would send."""
    with client_of(server, API_KEY, wire) as client:
        yield client
