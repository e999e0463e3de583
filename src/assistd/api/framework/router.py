"""Finds the endpoint of a request in one tree and calls it; FastAPI handles all other paths."""

from collections.abc import Sequence

from fastapi import APIRouter, Request, params
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from assistd.api import errors
from assistd.api.framework.binding import BoundEndpoint
from assistd.tracing import names, spans
from assistd.tracing.spans import Span


class _Node:
    """A node in the tree of paths: the words and the parameter that may follow, and what to call."""

    __slots__ = ("calls", "parameter", "takes_rest", "words")

    def __init__(self) -> None:
        self.words: dict[str, _Node] = {}
        self.parameter: _Node | None = None
        self.takes_rest = False  # a parameter `{name:path}`, slashes and all
        self.calls: dict[str, BoundEndpoint] = {}


class Routes:
    """The endpoints of several routers, by path and method."""

    def __init__(self) -> None:
        self._root = _Node()
        self.templates: list[str] = []
        """The paths as they are declared, with the names of their parameters."""

    def include(self, router: APIRouter, prefix: str, first: Sequence[params.Depends] = ()) -> None:
        """Take in a router.

        Args:
            router: declares the endpoints.
            prefix: what stands before their paths.
            first: dependencies of all of them, called before anything else.

        Raises:
            TypeError: an endpoint is declared in a way that only FastAPI itself can follow.
        """
        for route in router.routes:
            if not isinstance(route, APIRoute) or route.status_code or route.response_model:
                raise TypeError(f"{route}: an endpoint must return a response that is made already")
            node, names = self._root, list[str]()
            for word in (prefix + route.path).split("/"):
                if word.startswith("{"):
                    name, _, convertor = word[1:-1].partition(":")
                    names.append(name)
                    node.parameter = node = node.parameter or _Node()
                    node.takes_rest = convertor == "path"
                else:
                    node = node.words.setdefault(word, _Node())
            endpoint = BoundEndpoint(route.endpoint, names, [*first, *route.dependencies])
            endpoint.template = prefix + route.path
            self.templates.append(endpoint.template)
            node.calls |= dict.fromkeys(route.methods or (), endpoint)

    def find(self, method: str, path: str) -> tuple[BoundEndpoint, list[str]] | None:
        """Return the endpoint of a request and the values of its path's parameters."""
        values: list[str] = []
        endpoint = _find(self._root, method, path.split("/"), 0, values)
        return (endpoint, values) if endpoint else None


def _find(
    node: _Node, method: str, words: Sequence[str], at: int, values: list[str]
) -> BoundEndpoint | None:
    """Return what a path leads to below `node`; a word that is written out goes before a parameter."""
    if at == len(words):
        return node.calls.get(method)
    word = words[at]
    if below := node.words.get(word):
        found = _find(below, method, words, at + 1, values)
        if found:
            return found
    if node.parameter and (word or node.parameter.takes_rest):
        end = len(words) if node.parameter.takes_rest else at + 1
        values.append("/".join(words[at:end]))
        found = _find(node.parameter, method, words, end, values)
        if found:
            return found
        values.pop()
    return None


_TRACED = frozenset(
    {
        "/v1/threads/runs",
        "/v1/threads/{thread_id}/runs",
        "/v1/threads/{thread_id}/runs/{run_id}/submit_tool_outputs",
        "/v1/responses",
    }
)
"""What begins runs and responses: a `POST` there is a span, where spans are collected."""


class Dispatcher:
    """ASGI middleware that calls an endpoint itself where it knows one.

    Args:
        app: handles all else: 404, 405 and the pages of documentation.
        routes: the endpoints.
    """

    def __init__(self, app: ASGIApp, routes: Routes) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        found = (
            self._routes.find(scope["method"], scope["path"]) if scope["type"] == "http" else None
        )
        if found is None:
            await self._app(scope, receive, send)
            return
        endpoint, values = found
        scope["state"]["route"] = endpoint.template
        request = Request(scope, receive, send)
        if scope["method"] != "POST":
            await self._handle(request, send, endpoint, values)
            return
        spans.bind_caller(scope["headers"])
        if spans.tracer is None or endpoint.template not in _TRACED:
            await self._handle(request, send, endpoint, values)
            return
        with spans.serving("POST", endpoint.template) as span:
            await self._handle(request, send, endpoint, values, span)

    async def _handle(
        self,
        request: Request,
        send: Send,
        endpoint: BoundEndpoint,
        values: list[str],
        span: Span | None = None,
    ) -> None:
        """Call an endpoint and send its response."""
        try:
            response = await endpoint(request, values)
        except Exception as error:
            foreseen = errors.respond_to(request, error)
            if foreseen is None:
                raise
            response = foreseen
        if span:
            span.set({names.HTTP_STATUS: response.status_code})
        if span and response.status_code >= 500:
            span.fail(str(response.status_code))
        await response(request.scope, request.receive, send)
