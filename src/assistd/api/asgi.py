"""The ASGI app: routes, headers and errors, in one list."""

import asyncio
import re
import time
from functools import partial

from fastapi import Depends, FastAPI, Request
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assistd import __version__, ids
from assistd.api import azure, errors
from assistd.api.access import Keyring, require_beta
from assistd.api.assistants_v1 import AssistantsV1
from assistd.api.dispatch import Dispatcher, Routes
from assistd.api.json_body import MAX_BYTES
from assistd.api.rates import Rates
from assistd.api.routes import (
    assistants,
    attached_files,
    chat_completions,
    docs,
    files,
    health,
    messages,
    models,
    organization,
    run_steps,
    runs,
    threads,
    uploads,
    vector_stores,
)
from assistd.engine.runner import Runner

_FORMS = re.compile(r"/v1/files|/v1/uploads/[^/]+/parts")


def build(runner: Runner, *, shows_docs: bool = False) -> FastAPI:
    """The app.

    Args:
        runner: who executes runs; every room is open already.
        shows_docs: whether it describes itself to anybody, at /openapi.json and /docs.
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
    app.state.runner = runner
    services = runner.services
    app.state.keyring = Keyring(services.database, services.policy.project_limits)
    app.state.rates = Rates()
    endpoints = Routes()
    for module in (runs, run_steps, messages, threads, assistants, attached_files):
        app.include_router(module.router, prefix="/v1", dependencies=[Depends(require_beta)])
        endpoints.include(module.router, "/v1", first=[require_beta])
    for module in (files, uploads, models, chat_completions, vector_stores, organization):
        app.include_router(module.router, prefix="/v1")
        endpoints.include(module.router, "/v1")
    app.include_router(health.router)
    if shows_docs:
        app.include_router(docs.router)
    app.add_exception_handler(HTTPException, errors.http_error)
    app.front = _Envelope(AssistantsV1(Dispatcher(partial(FastAPI.__call__, app), endpoints)))
    return app


class _App(FastAPI):
    """Sees a request only where nothing of ours before it has an answer: FastAPI's own layers cost."""

    front: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self
        await self.front(scope, receive, send)


class _Envelope:
    """What is around every request: bounds, headers clients look for, and errors nobody foresaw."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope = azure.plain(scope)
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
        try:
            await self._app(scope, receive, exchange.send_with_headers)
        except ClientDisconnect:
            return  # there is nobody to answer
        except asyncio.CancelledError:  # the server stops, and has waited for us long enough
            response = errors.error_response(
                Request(scope), 503, "The server is stopping. Please try again."
            )
            if not exchange.began_to_answer:
                await response(scope, receive, exchange.send_with_headers)
        except Exception as error:  # noqa: BLE001  a traceback would quote what is not ours to log
            response = errors.unforeseen(Request(scope), error)
            if not exchange.began_to_answer:  # else the connection breaks off, and nobody is misled
                await response(scope, receive, exchange.send_with_headers)


class _Exchange:
    """One request and its answer, on their way through."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.began_to_answer = False
        self._receive = receive
        self._send = send
        self._began = time.perf_counter()
        self._received = 0
        self._id = scope["request_id"] = ids.new_request_id()
        self._headers: dict[str, str] = scope.setdefault("answer_headers", {})

    async def receive_bounded(self) -> Message:
        """More of the request's body, up to what may be held in memory."""
        message = await self._receive()
        self._received += len(message.get("body", b""))
        if self._received > MAX_BYTES:
            raise HTTPException(413, f"The request body is larger than {MAX_BYTES} bytes.")
        return message

    async def send_with_headers(self, message: Message) -> None:
        """Part of the answer, its head with our headers (contract section 1)."""
        if message["type"] == "http.response.start":
            self.began_to_answer = True
            headers = MutableHeaders(scope=message)
            # An upstream's answer that is passed on has its own.
            headers.setdefault("x-request-id", self._id)
            headers.setdefault("openai-version", "2020-10-01")
            milliseconds = round((time.perf_counter() - self._began) * 1000)
            headers.setdefault("openai-processing-ms", str(milliseconds))
            headers["x-content-type-options"] = "nosniff"
            headers.update(self._headers)
        await self._send(message)
