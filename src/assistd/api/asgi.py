"""The ASGI app: routes, headers and errors, in one list."""

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import Depends, FastAPI
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assistd import __version__, ids
from assistd.api import errors
from assistd.api.access import require_beta
from assistd.api.routes import assistants, files, health, messages, models, run_steps, runs, threads
from assistd.engine.runner import Runner

_MAX_JSON = 64 << 20  # bytes of a body that is held in memory


def build(open_runner: Callable[[], AbstractAsyncContextManager[Runner]]) -> FastAPI:
    """The app.

    Args:
        open_runner: opens every room when the server starts and closes it when it stops.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with open_runner() as runner:
            app.state.runner = runner
            yield

    app = FastAPI(
        title="assistd",
        version=__version__,
        summary="The Assistants API with Code Interpreter, self-hosted.",
        lifespan=lifespan,
        redirect_slashes=False,
        strict_content_type=False,  # SDKs and curl send bodies without one (trap 32)
        max_body_size=_MAX_JSON,
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
    )
    beta = [Depends(require_beta)]
    for module in (runs, run_steps, messages, threads, assistants):
        app.include_router(module.router, prefix="/v1", dependencies=beta)
    for module in (files, models):
        app.include_router(module.router, prefix="/v1")
    app.include_router(health.router)
    errors.install(app)
    app.add_middleware(_Envelope)
    return app


class _Envelope:
    """Gives every answer the headers clients look for (contract section 1)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        scope["request_id"] = ids.request()

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = scope["request_id"]
                headers["openai-version"] = "2020-10-01"
                headers["openai-processing-ms"] = str(round((time.perf_counter() - began) * 1000))
                headers["x-content-type-options"] = "nosniff"
            await send(message)

        await self._app(scope, receive, send_with_headers)
