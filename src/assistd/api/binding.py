"""Makes an endpoint's arguments of a request, as FastAPI would, from a plan drawn up once.

FastAPI looks at the signature and every dependency anew in each request, which costs more than most
of our endpoints do (docs/decisions/0029). The errors it finds are the same ones, so `validation`
explains both.
"""

import inspect
import json
from collections.abc import Awaitable, Callable, Sequence
from types import UnionType
from typing import Annotated, Any, Union, cast, get_args, get_origin, get_type_hints

from fastapi import Request, Response, params
from fastapi.exceptions import HTTPException, RequestValidationError
from pydantic import BaseModel, TypeAdapter, ValidationError

from assistd.api import json_body

Endpoint = Callable[..., Awaitable[Any]]
_Read = Callable[["_Incoming"], Any]

_MAX_ERRORS = 100  # that are looked at to find the one to tell of


class _Incoming:
    """A request whose arguments are being made, and what was wrong with it so far."""

    __slots__ = ("errors", "path", "request")

    def __init__(self, request: Request, path: dict[str, str]) -> None:
        self.request = request
        self.path = path
        self.errors: list[dict[str, Any]] = []


class _Plan:
    """How the arguments of one function are made: an endpoint, or something it depends on."""

    def __init__(self, function: Endpoint, path_names: frozenset[str]) -> None:
        self.function = function
        self.body: tuple[str, TypeAdapter[Any], Any] | None = None
        self._reads: list[tuple[str, _Read]] = []
        self._dependencies: list[tuple[str, _Plan]] = []
        hints = get_type_hints(function, include_extras=True)
        for name, parameter in inspect.signature(function).parameters.items():
            self._add(name, hints[name], parameter.default, path_names)

    async def arguments(self, incoming: _Incoming) -> dict[str, Any]:
        """All arguments but the body; those that could not be made have left an error."""
        found = {name: read(incoming) for name, read in self._reads}
        for name, plan in self._dependencies:
            found[name] = await plan.call(incoming)
        return found

    async def call(self, incoming: _Incoming) -> Any:
        """What the function returns; None, uncalled, where its own arguments are wrong."""
        before = len(incoming.errors)
        arguments = await self.arguments(incoming)
        return None if len(incoming.errors) > before else await self.function(**arguments)

    def _add(self, name: str, hint: Any, default: Any, path_names: frozenset[str]) -> None:
        kind, *marks = get_args(hint) if get_origin(hint) is Annotated else (hint,)
        depends = next((mark for mark in marks if isinstance(mark, params.Depends)), None)
        if depends is not None:
            assert depends.dependency is not None
            self._dependencies.append((name, _Plan(depends.dependency, path_names)))
        elif kind is Request:
            self._reads.append((name, lambda incoming: incoming.request))
        elif name in path_names:
            self._reads.append((name, lambda incoming: incoming.path[name]))
        elif _is_model(kind):
            self.body = (name, TypeAdapter(kind), default)
        else:
            self._reads.append((name, _from_head(name, hint, default, marks)))


def _kinds(hint: Any) -> tuple[Any, ...]:
    """The members of a union, or the one type that a hint is."""
    return get_args(hint) if get_origin(hint) in {Union, UnionType} else (hint,)


def _is_model(hint: Any) -> bool:
    return any(isinstance(each, type) and issubclass(each, BaseModel) for each in _kinds(hint))


def _from_head(name: str, hint: Any, default: Any, marks: Sequence[Any]) -> _Read:
    """A header, where it is marked so, else a parameter of the query."""
    mark = next((each for each in marks if isinstance(each, params.Param)), None)
    alias: str = (mark.alias if mark else None) or name
    where = "header" if isinstance(mark, params.Header) else "query"
    key = alias.replace("_", "-") if where == "header" else alias
    loc = (where, alias.removesuffix("[]"))
    adapter: TypeAdapter[Any] = TypeAdapter(hint)
    many = any(get_origin(each) is list for each in _kinds(get_args(hint)[0] if marks else hint))

    def read(incoming: _Incoming) -> Any:
        request = incoming.request
        source = request.headers if where == "header" else request.query_params
        if key not in source:
            if default is inspect.Parameter.empty:
                missing = {"type": "missing", "loc": loc, "input": None}
                incoming.errors.append({**missing, "msg": "Field required"})
            return default
        return _validated(adapter, source.getlist(key) if many else source[key], loc, incoming)

    return read


def _validated(
    adapter: TypeAdapter[Any], value: Any, where: tuple[str, ...], incoming: _Incoming
) -> Any:
    try:
        policy = incoming.request.app.state.runner.services.policy
        return adapter.validate_python(value, context=policy)
    except ValidationError as error:
        for each in error.errors(include_url=False)[:_MAX_ERRORS]:
            incoming.errors.append({**each, "loc": (*where, *each["loc"])})
        return None


class BoundEndpoint:
    """An endpoint that is called with a request alone.

    Args:
        endpoint: an endpoint as FastAPI takes them.
        path_names: the parameters in its path, in order.
        first: dependencies to call before anything else; what they return is dropped.
    """

    def __init__(
        self, endpoint: Endpoint, path_names: Sequence[str], first: Sequence[Endpoint]
    ) -> None:
        self._path_names = path_names
        self._plan = _Plan(endpoint, frozenset(path_names))
        self._first = [_Plan(each, frozenset(path_names)) for each in first]

    async def __call__(self, request: Request, path_values: Sequence[str]) -> Response:
        """Call the endpoint; `path_values` are those of its path's parameters, in order.

        Raises:
            RequestValidationError: the query, a header or the body is not what the endpoint takes.
            RequestError: what the endpoint and its dependencies raise.
            HTTPException: the body is no text, or more than Python reads as JSON.
        """
        incoming = _Incoming(request, dict(zip(self._path_names, path_values, strict=True)))
        for plan in self._first:
            await plan.call(incoming)
        arguments = await self._plan.arguments(incoming)
        content: Any = None
        if self._plan.body:
            name, adapter, default = self._plan.body
            data = await request.body()
            content, arguments[name] = await json_body.handled(
                data, _body, adapter, default, incoming
            )
        if incoming.errors:
            raise RequestValidationError(incoming.errors, body=content)
        return cast("Response", await self._plan.function(**arguments))


def _body(
    data: bytes, adapter: TypeAdapter[Any], default: Any, incoming: _Incoming
) -> tuple[Any, Any]:
    """The JSON of a body, None where it is empty, and what the endpoint gets of it."""
    content = _parsed(data) if data else None
    if content is not None:
        return content, _validated(adapter, content, ("body",), incoming)
    if default is not inspect.Parameter.empty:
        return None, default
    missing = {"type": "missing", "loc": ("body",), "input": None, "msg": "Field required"}
    incoming.errors.append(missing)
    return None, None


def _parsed(data: bytes) -> Any:
    try:
        return json_body.loads(data)
    except json.JSONDecodeError as error:
        wrong: dict[str, Any] = {
            "type": "json_invalid",
            "loc": ("body", error.pos),
            "input": {},
            "msg": error.msg,
        }
        raise RequestValidationError([wrong], body=error.doc) from error
    except (ValueError, RecursionError) as error:  # no UTF-8, endless digits, endless depth
        raise HTTPException(400) from error
