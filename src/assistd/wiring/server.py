"""The composition root: opens every room from the settings, serves, and closes them in the opposite order."""

import asyncio
import gc
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from operator import not_
from typing import TYPE_CHECKING

from assistd import ids
from assistd.api import asgi
from assistd.api.rates import Rates
from assistd.api.transport.server import Server
from assistd.db import keys, projects, sessions
from assistd.engine import live_sessions
from assistd.engine.embeddings import Embeddings
from assistd.engine.operator.reporting import Reporter
from assistd.engine.readiness import Readiness
from assistd.engine.responses import containers, retention
from assistd.engine.responses.runner import ResponseRunner
from assistd.engine.runner import Runner
from assistd.engine.services import Policy, Services
from assistd.engine.vector_stores import stores
from assistd.engine.vector_stores.indexer import Indexer
from assistd.engine.vector_stores.searching import StoreSearch
from assistd.engine.workspace.snapshots import Snapshots
from assistd.engine.workspace.storage import Storage
from assistd.engine.workspace.workspace import Workspaces
from assistd.files.store import FileStore
from assistd.files.uploads import Uploads
from assistd.metering.completions import CompletionsMeter
from assistd.models.base import ModelEntry
from assistd.models.local.server import LocalServer
from assistd.models.registry import LocalBackend, Registry
from assistd.periodic import repeating
from assistd.sandbox.base import Sessions
from assistd.settings import Settings
from assistd.units import MIB
from assistd.wiring import storage
from assistd.wiring.group import Group
from assistd.wiring.metrics import counting
from assistd.wiring.sandbox import Assets, memory_mib_of_host, open_sandbox
from assistd.wiring.search import make_extractor, open_embedder, open_index
from assistd.wiring.shared_models import SharedLocalServer
from assistd.wiring.stopping import Stopping
from assistd.wiring.tracing import tracing

if TYPE_CHECKING:
    from assistd.models.upstream.connection import Upstream

_LAST_RESPONSES_SECONDS = 5


def prepare(settings: Settings) -> None:
    """Make the data folder, bring the database up to date, and add the API key of the settings."""
    with storage.migrated_database(settings) as database:
        if settings.api_key:
            project = database.run_sync(projects.default)
            database.run_sync(keys.replace, settings.api_key, "from the settings", project.id)
        database.run_sync(sessions.close_lapsed, settings.session_seconds)


def first_key(settings: Settings) -> str | None:
    """Make an API key if there is none at all; `prepare` comes first.

    Returns:
        The key, if it was made now. It can be shown only once: the database has its hash alone.
    """
    with storage.database(settings) as database:
        if database.run_sync(keys.count):
            return None
        key = ids.new_api_key()
        project = database.run_sync(projects.default)
        database.run_sync(keys.create, key, "first key", project.id)
        return key


@asynccontextmanager
async def open_runners(
    settings: Settings,
    assets: Assets,
    sandbox: Sessions | None = None,
    group: Group | None = None,
) -> AsyncGenerator[tuple[Runner, ResponseRunner]]:
    """Open every room, then the runners of runs and of responses; close them in the opposite order.

    Args:
        settings: the settings.
        assets: the interpreter environment and the weights.
        sandbox: where sessions come from, if it is open already; it is closed with the others all the same.
        group: the other processes, in a worker.
    """
    async with AsyncExitStack() as stack:
        database = stack.enter_context(storage.database(settings))
        models = registry(settings, assets, group)
        stack.push_async_callback(models.close)

        if sandbox is None:
            opening = open_sandbox(settings, assets.python)
            sandbox = await stack.enter_async_context(opening)
        numbers = policy(settings, group.count if group else 1)
        files = FileStore(
            database,
            storage.blob_store(settings),
            numbers.project_limits,
            numbers.lease_seconds,
        )
        snapshots = Snapshots(database, files, numbers, settings.data_dir)
        workspaces = Workspaces(
            sandbox,
            Storage(database, files, numbers),
            snapshots if numbers.snapshot_bytes else None,
        )
        sandbox.on_ending = workspaces.note_ending
        sandbox.on_closed = workspaces.note_end
        stack.push_async_callback(sandbox.close)  # while the database still hears of it
        uploads = Uploads(database, files, numbers.upload_in_parts_bytes)
        duties = [*files.duties(), *uploads.duties(), *stores.duties(database)]
        duties.append(retention.make_duty(database))
        await stack.enter_async_context(repeating(*duties))
        embedder = await stack.enter_async_context(open_embedder(settings, models, group))
        opening_index = open_index(settings, embedder, numbers.processes)
        index = await stack.enter_async_context(opening_index)
        indexer = Indexer(database, files, make_extractor(settings), index, numbers)
        search = StoreSearch(database, index, indexer.upkeep.report_damage)
        own = embedder if settings.search_embeddings == "builtin" else None
        completions = CompletionsMeter(database)
        stack.push_async_callback(completions.flush)
        services = Services(
            database=database,
            files=files,
            uploads=uploads,
            models=models,
            workspaces=workspaces,
            index=index,
            search=search,
            indexer=indexer,
            embeddings=Embeddings(own, models),
            policy=numbers,
            completions=completions,
        )
        await stack.enter_async_context(indexer)
        responses = ResponseRunner(services)
        duties = [*containers.duties(services), *responses.duties(), completions.duty()]
        duties.append(live_sessions.make_duty(services))
        await stack.enter_async_context(repeating(*duties))
        runner = await stack.enter_async_context(Runner(services))
        yield runner, await stack.enter_async_context(responses)


def registry(settings: Settings, assets: Assets, group: Group | None = None) -> Registry:
    """Open the models that the settings name; in a worker, the built-in one is another process's."""
    local: LocalBackend | None = None
    if assets.weights:
        local = SharedLocalServer(group.models) if group else LocalServer(assets.weights)
    return Registry(
        upstream=_upstream(settings),
        local=local,
        entries=settings.models,
        default=ModelEntry(
            model=settings.upstream_model,
            protocol=settings.upstream_protocol,
            vision=settings.upstream_vision,
            window=settings.upstream_window,
        ),
    )


def _upstream(settings: Settings) -> "Upstream | None":
    if settings.upstream_base_url is None:
        return None
    from assistd.models.upstream.connection import Upstream  # noqa: PLC0415  many servers have none

    return Upstream(
        settings.upstream_base_url,
        settings.upstream_api_key,
        first_delta_seconds=settings.upstream_seconds,
        idle_seconds=settings.upstream_seconds,
        retry_seconds=min(30.0, settings.upstream_seconds),
    )


def policy(settings: Settings, processes: int = 1) -> Policy:
    """Return the numbers that the engine works by.

    Args:
        settings: most of them.
        processes: API processes of this server.
    """
    return Policy(
        run_seconds=settings.run_seconds,
        background_seconds=settings.background_seconds,
        lease_seconds=settings.lease_seconds,
        call_seconds=settings.call_seconds,
        session_seconds=settings.session_seconds,
        idle_seconds=settings.idle_seconds,
        session_memory_bytes=settings.memory_mib * MIB,
        run_turns=settings.run_turns,
        poll_after_ms=settings.poll_after_ms,
        upload_bytes=settings.upload_mib * MIB,
        upload_in_parts_bytes=settings.upload_in_parts_mib * MIB,
        model_output_characters=settings.model_output_characters,
        output_files=settings.output_files,
        output_file_bytes=settings.output_file_mib * MIB,
        project_limits=storage.project_limits(settings),
        session_prices=storage.session_prices(settings),
        container_memory_mib=settings.container_memory_mib or memory_mib_of_host(),
        strict_containers=settings.strict_containers,
        container_days=settings.container_days,
        store_files=settings.search_store_files,
        store_first_files=settings.search_first_files,
        batch_files=settings.search_batch_files,
        index_file_bytes=settings.search_file_mib * MIB,
        index_file_seconds=settings.search_file_seconds,
        filter_levels=settings.search_filter_levels,
        filter_comparisons=settings.search_filter_comparisons,
        response_seconds=round(settings.response_days * 86_400),
        snapshot_bytes=settings.snapshot_mib * MIB,
        snapshot_seconds=settings.snapshot_seconds,
        snapshot_after_seconds=settings.snapshot_after_seconds,
        snapshot_days=settings.snapshot_days,
        private_image_urls=settings.private_image_urls,
        processes=processes,
    )


async def serve(
    settings: Settings,
    assets: Assets,
    sandbox: Sessions,
    listener: socket.socket,
    ready: Callable[[], None],
    *,
    group: Group | None = None,
) -> None:
    """Serve on a listening socket until a signal comes, then close every room.

    Requests are handled while the sandbox starts; a run that needs it waits. A sandbox that cannot
    start ends the server.

    Args:
        settings: the settings.
        assets: the interpreter environment and the weights.
        sandbox: where sessions come from, which may be starting; it is closed here.
        listener: where clients connect.
        ready: called once requests are handled.
        group: the other processes, in a worker.

    Raises:
        StartupError: a room cannot be opened; the message says what to do.
    """
    async with AsyncExitStack() as stack:
        opening = open_runners(settings, assets, sandbox, group)
        runner, responses = await stack.enter_async_context(opening)
        readiness = Readiness(runner.services)
        is_first = group is None or group.number == 0
        has_sandbox = is_first or settings.hosts_listen is not None  # of many hosts, all tell
        reporter = Reporter(runner, responses, has_sandbox=has_sandbox)
        await stack.enter_async_context(reporter.reporting())
        rates = Rates(runner.services.database)
        stack.push_async_callback(rates.close)
        await stack.enter_async_context(repeating(rates.duty()))
        counted = counting(settings, runner, responses, readiness, group)
        scraper = await stack.enter_async_context(counted)
        await stack.enter_async_context(tracing(settings))

        async def end_streams() -> None:
            await asyncio.gather(runner.end_all(), responses.end_all())

        server = Server(
            asgi.build(
                runner,
                responses,
                reporter,
                scraper if settings.metrics else None,
                readiness=readiness,
                rates=rates,
                shows_docs=settings.docs,
                shows_playground=settings.playground,
            ),
            last_seconds=_LAST_RESPONSES_SECONDS,
            end_streams=end_streams,
            request_seconds=settings.request_seconds,
            response_seconds=settings.answer_seconds,
        )
        can_end = partial(group.drain.note, group.number) if group else not_
        owners = (runner, responses)
        stopping = Stopping(server, readiness, owners, settings.drain_seconds, can_end)
        stopping.handle_signals()
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(server.serve([listener]), name="serve")
            while not (server.started or server.should_exit):  # noqa: ASYNC110  there is no event
                await asyncio.sleep(0.002)
            gc.collect()
            gc.freeze()  # what is loaded by now stays: no full collection looks at it again
            ready()
            starting = asyncio.ensure_future(sandbox.start())
            await asyncio.wait([serving, starting], return_when=asyncio.FIRST_COMPLETED)
            if starting.done() and starting.exception():
                server.should_exit = True
        if not starting.cancel():
            starting.result()
