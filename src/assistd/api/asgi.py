"""The ASGI app: routes, headers and errors, in one list."""

import asyncio
import re
import time
from collections.abc import Sequence, Set
from functools import partial

import structlog
from fastapi import APIRouter, FastAPI, Request, params
from fastapi.routing import APIRoute
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assistd import __version__, ids, logs, telemetry
from assistd import metrics as table
from assistd.api import azure, errors, health, metrics
from assistd.api.access import Keyring, require_beta
from assistd.api.assistants.routes import (
    assistants,
    attached_files,
    messages,
    run_steps,
    runs,
    threads,
)
from assistd.api.assistants.v1 import AssistantsV1
from assistd.api.browser import docs, pages
from assistd.api.completions.routes import completions, embeddings, models
from assistd.api.files.routes import files, uploads
from assistd.api.framework.json_body import MAX_BYTES
from assistd.api.framework.router import Dispatcher, Routes
from assistd.api.framework.services import provide
from assistd.api.metrics import Scraper
from assistd.api.organization.routes import projects, servers, usage
from assistd.api.own.routes import containers as own_containers
from assistd.api.own.routes import info
from assistd.api.own.routes import responses as own_responses
from assistd.api.own.routes import threads as own_threads
from assistd.api.rates import Rates
from assistd.api.responses.routes import (
    container_files,
    containers,
    conversation_items,
    conversations,
    input_items,
    input_tokens,
    refusals,
    responses,
)
from assistd.api.services import provide_services
from assistd.api.vector_stores.routes import batches, search, stores
from assistd.api.vector_stores.routes import files as store_files
from assistd.engine.operator.reporting import Reporter
from assistd.engine.operator.tenants import Tenants
from assistd.engine.readiness import Readiness
from assistd.engine.responses.runner import ResponseRunner
from assistd.engine.runner import Runner
from assistd.instruments import OTHER

log = structlog.get_logger()

_BETA = (runs, run_steps, messages, threads, assistants, attached_files)
_PLAIN = (
    files,
    uploads,
    completions,
    embeddings,
    models,
    stores,
    store_files,
    batches,
    search,
    responses,
    conversations,
    conversation_items,
    input_items,
    input_tokens,
    refusals,
    usage,
    projects,
    containers,
    container_files,
)
_ROUTERS: tuple[tuple[APIRouter, Sequence[params.Depends]], ...] = (
    *((each.router, [params.Depends(require_beta)]) for each in _BETA),
    *((each.router, []) for each in _PLAIN),
)
"""The routers below /v1, each with the dependencies of all its endpoints."""
_OWN = (info, own_threads, own_containers, own_responses, servers)
"""What only this server has, below /assistd."""

_UNTIMED = re.compile(r"/v1/organization/|/assistd/admin/|/metrics|/assistd/.*/variables$")
"""Routes that are called too seldom to be worth a histogram."""
_FORMS = re.compile(r"/v1/files|/v1/uploads/[^/]+/parts|/v1/containers/[^/]+/files")


def build(
    runner: Runner,
    response_runner: ResponseRunner,
    reporter: Reporter,
    scraper: Scraper | None = None,
    *,
    readiness: Readiness | None = None,
    rates: Rates | None = None,
    shows_docs: bool = False,
    shows_playground: bool = False,
) -> FastAPI:
    """Return the app.

    Args:
        runner: who executes runs; every room is open already.
        response_runner: who makes responses.
        reporter: knows what this server does, and what others say.
        scraper: writes down the metrics, for `GET /metrics`; None: there is no such endpoint.
        readiness: knows whether the server is ready; None: one of its own does.
        rates: counts the requests of projects; None: one of its own does.
        shows_docs: whether it describes itself to anybody, at /openapi.json and /docs.
        shows_playground: whether it has the pages at /playground/ and /operator/.
    """
    app = _App(
        title="assistd",
        version=__version__,
        summary="The Assistants API with Code Interpreter, self-hosted.",
        openapi_url="/openapi.json" if shows_docs else None,
        docs_url=None,  # FastAPI's own pages run scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        strict_content_type=False,  # SDKs and curl send bodies without one (trap 32)
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
    )
    readiness = readiness or Readiness(runner.services)
    provide_services(app, runner, response_runner, readiness)
    provide(app, reporter=reporter, tenants=Tenants(runner.services))
    database, limits = runner.services.database, runner.services.policy.project_limits
    provide(app, keyring=Keyring(database, limits), rates=rates or Rates(database))
    provide(app, features={"docs": shows_docs, "playground": shows_playground})
    routes = Routes()
    for router, first in _ROUTERS:
        app.include_router(router, prefix="/v1", dependencies=first)
        routes.include(router, "/v1", first)
    for each in _OWN:
        app.include_router(each.router, prefix="/assistd")
        routes.include(each.router, "/assistd")
    if scraper:
        provide(app, scraper=scraper)
        routes.include(metrics.router, "")
    app.include_router(health.router)
    if shows_playground:
        app.include_router(pages.router)
    if shows_docs:
        app.include_router(docs.router)
    table.ROUTES.allow(routes.templates)
    table.TIMED_ROUTES.allow(each for each in routes.templates if not _UNTIMED.match(each))
    shown = {each.path for each in app.routes if isinstance(each, APIRoute)} - set(routes.templates)
    table.ROUTES.allow(shown)
    app.add_exception_handler(HTTPException, errors.http_error)
    endpoints = Dispatcher(partial(FastAPI.__call__, app), routes)
    app.front = _Envelope(endpoints, AssistantsV1(endpoints), shown)
    return app


class _App(FastAPI):
    """Sees a request only where nothing of ours handled it before: FastAPI's own layers cost."""

    front: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self
        await self.front(scope, receive, send)


class _Envelope:
    """What is around every request: bounds, headers clients look for, and errors nobody foresaw.

    Args:
        app: handles requests.
        app_v1: handles those of clients that send `OpenAI-Beta: assistants=v1`.
        pages: the paths that no endpoint of ours handles, but FastAPI, each of one page.
    """

    def __init__(self, app: ASGIApp, app_v1: ASGIApp, pages: Set[str]) -> None:
        self._app = app
        self._app_v1 = app_v1
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["path"].startswith(azure.PREFIX):
            scope = azure.as_openai(scope)
        app = self._app_v1 if _asks_for_v1(scope) else self._app
        exchange = _Exchange(scope, receive, send)
        if not scope["raw_path"].startswith(b"/"):  # of CONNECT, and of `OPTIONS *`
            response = errors.error_response(
                Request(scope), 405, f"Not allowed to {scope['method']}: this is no proxy."
            )
            await response(scope, receive, exchange.send_with_headers)
            return
        if not _FORMS.fullmatch(scope["path"]):
            # Whatever they say they are, bodies are JSON: curl calls them a form (trap 32).
            headers = [pair for pair in scope["headers"] if pair[0] != b"content-type"]
            scope, receive = {**scope, "headers": headers}, exchange.receive_bounded
        await self._handle(app, scope, receive, exchange)
        exchange.count(scope, self._pages)

    @staticmethod
    async def _handle(app: ASGIApp, scope: Scope, receive: Receive, exchange: "_Exchange") -> None:
        """Have an app handle a request; what it raises becomes a response, where none has begun."""
        telemetry.bind(request_id=scope["request_id"])
        try:
            with telemetry.measuring("request"):
                await app(scope, receive, exchange.send_with_headers)
        except ClientDisconnect:
            return  # there is nobody to respond to
        except asyncio.CancelledError:  # the server stops, and has waited for us long enough
            response = errors.error_response(
                Request(scope), 503, "The server is stopping. Please try again."
            )
            if not exchange.has_begun:
                await response(scope, receive, exchange.send_with_headers)
        except Exception as error:  # noqa: BLE001  a traceback would quote what is not ours to log
            response = errors.respond_to_unforeseen(Request(scope), error)
            if not exchange.has_begun:  # else the connection breaks off, and nobody is misled
                await response(scope, receive, exchange.send_with_headers)


def _asks_for_v1(scope: Scope) -> bool:
    # Every request is asked: the raw pairs tell it in a fraction of the time.
    beta = b"".join(value for name, value in scope["headers"] if name == b"openai-beta")
    beta = beta.replace(b" ", b"")
    return b"assistants=v1" in beta and b"assistants=v2" not in beta


class _Exchange:
    """One request and its response, on their way through."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.has_begun = False
        self._status: int | None = None
        self._receive = receive
        self._send = send
        self._began = time.perf_counter()
        self._received = 0
        self._id = scope["request_id"] = ids.new_request_id()
        self._headers: dict[str, str] = scope.setdefault("response_headers", {})
        scope.setdefault("state", {})  # which copies of the scope share

    async def receive_bounded(self) -> Message:
        """Receive more of the request's body, up to what may be held in memory."""
        message = await self._receive()
        self._received += len(message.get("body", b""))
        if self._received > MAX_BYTES:
            raise HTTPException(413, f"The request body is larger than {MAX_BYTES} bytes.")
        return message

    async def send_with_headers(self, message: Message) -> None:
        """Send a part of the response, its head with our headers (contract section 1)."""
        if message["type"] == "http.response.start":
            self.has_begun = True
            self._status = message["status"]
            headers = MutableHeaders(scope=message)
            # An upstream's response that is passed on has its own.
            headers.setdefault("x-request-id", self._id)
            headers.setdefault("openai-version", "2020-10-01")
            milliseconds = round((time.perf_counter() - self._began) * 1000)
            headers.setdefault("openai-processing-ms", str(milliseconds))
            headers["x-content-type-options"] = "nosniff"
            headers.update(self._headers)
        await self._send(message)

    def count(self, scope: Scope, pages: Set[str]) -> None:
        """Count the request, whose response has left; what is neither an endpoint's nor of a page, as `other`."""
        seconds = time.perf_counter() - self._began
        route = scope["state"].get("route")
        if route is None:
            is_page = scope["method"] == "GET" and scope["path"] in pages
            route = scope["path"] if is_page else OTHER
        table.count_request(route, scope["method"], self._status, seconds)
        if logs.shows_requests:
            named = scope["state"].get("route")  # a path that leads nowhere may hold anything
            log.debug(
                "request",
                method=scope["method"] if named else None,
                route=named,
                status=self._status,
                duration_ms=round(seconds * 1000),
            )
