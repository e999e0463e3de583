"""Finds the endpoint of a request in one tree and calls it; FastAPI handles all other paths."""

from collections.abc import Sequence

from fastapi import APIRouter, Request, params
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from assistd.api import errors
from assistd.api.framework.binding import BoundEndpoint


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
        request = Request(scope, receive, send)
        try:
            response = await endpoint(request, values)
        except Exception as error:
            foreseen = errors.respond_to(request, error)
            if foreseen is None:
                raise
            response = foreseen
        await response(scope, receive, send)
