"""Makes an endpoint's arguments of a request, as FastAPI would, from a plan that is drawn up at the start.

FastAPI looks at the signature and every dependency anew in each request, which costs more than most
of our endpoints do (decisions 0029 and 0061). The errors found here are the same ones, so `validation`
explains both. What a plan cannot do as FastAPI does is refused when the plan is drawn up.
"""

import inspect
import json
from collections.abc import Awaitable, Callable, Sequence
from types import UnionType
from typing import Annotated, Any, NamedTuple, Union, cast, get_args, get_origin, get_type_hints

from fastapi import Request, Response, params
from fastapi.exceptions import HTTPException, RequestValidationError
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError

from assistd.api.framework import json_body

Endpoint = Callable[..., Awaitable[Any]]
_Read = Callable[["_Incoming"], Any]

_MAX_ERRORS = 100  # that are looked at to find the one to tell of


class _Incoming:
    """A request whose arguments are being made, and what was wrong with it so far."""

    __slots__ = ("errors", "path", "request", "solved")

    def __init__(self, request: Request, path: dict[str, str]) -> None:
        self.request = request
        self.path = path
        self.errors: list[dict[str, Any]] = []
        self.solved: dict[Endpoint, Any] = {}
        """What each dependency returned: it is called once per request, whoever asks for it."""


class _Body(NamedTuple):
    """How the body is made: of a model, whose `max_values` says how many values its JSON may have."""

    name: str
    adapter: TypeAdapter[Any]
    default: Any
    max_values: int


class _Plan:
    """How the arguments of one function are made: an endpoint, or something it depends on.

    Args:
        function: the function.
        path_names: the parameters in the path of the endpoint.

    Raises:
        TypeError: the function is no coroutine function, or has a parameter that no plan can make.
    """

    def __init__(self, function: Endpoint, path_names: frozenset[str]) -> None:
        if not inspect.iscoroutinefunction(function):
            raise TypeError(f"{_name(function)}: an endpoint or dependency must be `async def`")
        self.function = function
        self.body: _Body | None = None
        self._reads: list[tuple[str, _Read]] = []
        self._dependencies: list[tuple[str, _Plan]] = []
        hints = get_type_hints(function, include_extras=True)
        for name, parameter in inspect.signature(function).parameters.items():
            if parameter.kind not in {parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY}:
                raise TypeError(f"{_name(function)}: the parameter {parameter} has no name to bind")
            if name not in hints:
                raise TypeError(f"{_name(function)}: the parameter '{name}' has no type")
            self._add(name, hints[name], parameter.default, path_names)

    async def make_arguments(self, incoming: _Incoming) -> dict[str, Any]:
        """Return all arguments but the body; those that could not be made have left an error."""
        found = {name: read(incoming) for name, read in self._reads}
        for name, plan in self._dependencies:
            found[name] = await plan.solve(incoming)
        return found

    async def solve(self, incoming: _Incoming) -> Any:
        """Return what the function returns; None, uncalled, where its own arguments are wrong."""
        if self.function in incoming.solved:
            return incoming.solved[self.function]
        before = len(incoming.errors)
        arguments = await self.make_arguments(incoming)
        wrong = len(incoming.errors) > before
        result = None if wrong else await self.function(**arguments)
        incoming.solved[self.function] = result
        return result

    def _add(self, name: str, hint: Any, default: Any, path_names: frozenset[str]) -> None:
        kind, *marks = _unwrap(hint)
        where = f"{_name(self.function)}: the parameter '{name}'"
        if depends := _find_depends(*marks, default):
            self._dependencies.append((name, _dependency_plan(depends, where, path_names)))
        elif kind is Request:
            self._reads.append((name, lambda incoming: incoming.request))
        elif name in path_names:
            if kind is not str or marks:
                raise TypeError(f"{where} is in the path, so it must be a plain `str`")
            self._reads.append((name, lambda incoming: incoming.path[name]))
        elif _is_model(kind):
            if marks or self.body:
                raise TypeError(f"{where} must be the only body, without marks")
            most = max(getattr(each, "max_values", 0) for each in _kinds(kind))
            self.body = _Body(name, TypeAdapter(kind), default, most or json_body.MAX_VALUES)
        else:
            if any(map(_is_elsewhere, (*marks, default))):
                raise TypeError(f"{where} is neither of the query nor a header")
            self._reads.append((name, _reader_of_head(name, hint, default, marks)))


def _unwrap(hint: Any) -> tuple[Any, ...]:
    """Return the type that a hint is, and behind it the marks of `Annotated`."""
    return get_args(hint) if get_origin(hint) is Annotated else (hint,)


def _find_depends(*marks: Any) -> params.Depends | None:
    return next((mark for mark in marks if isinstance(mark, params.Depends)), None)


def _is_elsewhere(mark: Any) -> bool:
    """Tell whether a mark says that a parameter is neither in the query nor a header."""
    is_in_head = isinstance(mark, (params.Query, params.Header))
    return isinstance(mark, (params.Param, params.Body)) and not is_in_head


def _dependency_plan(depends: params.Depends, where: str, path_names: frozenset[str]) -> _Plan:
    """Return the plan of a dependency.

    Raises:
        TypeError: it is one that FastAPI would treat in another way than a plan does.
    """
    if depends.dependency is None or depends != params.Depends(depends.dependency):
        raise TypeError(f"{where} must be a plain `Depends(function)`")
    plan = _Plan(depends.dependency, path_names)
    if plan.body:
        raise TypeError(f"{_name(depends.dependency)}: a dependency cannot take a body")
    return plan


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__qualname__", repr(function))


def _kinds(hint: Any) -> tuple[Any, ...]:
    """Return the members of a union, or the one type that a hint is."""
    return get_args(hint) if get_origin(hint) in {Union, UnionType} else (hint,)


def _is_model(hint: Any) -> bool:
    return any(isinstance(each, type) and issubclass(each, BaseModel) for each in _kinds(hint))


def _find_source(name: str, marks: Sequence[Any]) -> tuple[str, str]:
    """Return whether a parameter is of the `query` or a `header`, and its name there."""
    mark = next((each for each in marks if isinstance(each, params.Param)), None)
    where = "header" if isinstance(mark, params.Header) else "query"
    return where, (mark.alias if mark else None) or name


def _reader_of_head(name: str, hint: Any, default: Any, marks: Sequence[Any]) -> _Read:
    """Return what reads a header, where the parameter is marked so, else a parameter of the query.

    Raises:
        TypeError: no text can become such a value.
    """
    where, alias = _find_source(name, marks)
    key = alias.replace("_", "-") if where == "header" else alias
    loc = (where, alias.removesuffix("[]"))
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(hint)
    except PydanticSchemaGenerationError as error:
        raise TypeError(f"the parameter '{name}' cannot be made of a request") from error
    many = any(get_origin(each) is list for each in _kinds(get_args(hint)[0] if marks else hint))

    def read(incoming: _Incoming) -> Any:
        request = incoming.request
        source = request.headers if where == "header" else request.query_params
        if key not in source:
            if default is inspect.Parameter.empty:
                missing = {"type": "missing", "loc": loc, "input": None}
                incoming.errors.append({**missing, "msg": "Field required"})
            return default
        return _validate(adapter, source.getlist(key) if many else source[key], loc, incoming)

    return read


def _validate(
    adapter: TypeAdapter[Any], value: Any, where: tuple[str, ...], incoming: _Incoming
) -> Any:
    try:
        policy = incoming.request.app.state.policy
        return adapter.validate_python(value, context=policy)
    except ValidationError as error:
        for each in error.errors(include_url=False)[:_MAX_ERRORS]:
            incoming.errors.append({**each, "loc": (*where, *each["loc"])})
        return None


class BoundEndpoint:
    """An endpoint that is called with a request alone.

    Dependencies are called in the order of the signature, each once, and before the body is read.

    Args:
        endpoint: an endpoint as FastAPI takes them, which returns a response.
        path_names: the parameters in its path, in order.
        first: dependencies to call before anything else; what they return is dropped.

    Raises:
        TypeError: a plan cannot call the endpoint as FastAPI would; the message says why.
    """

    def __init__(
        self, endpoint: Endpoint, path_names: Sequence[str], first: Sequence[params.Depends]
    ) -> None:
        names = frozenset(path_names)
        self.template = ""
        """The path with the names of its parameters, as it is declared."""
        self._path_names = path_names
        self._plan = _Plan(endpoint, names)
        self._first = [_dependency_plan(each, _name(endpoint), names) for each in first]

    async def __call__(self, request: Request, path_values: Sequence[str]) -> Response:
        """Call the endpoint; `path_values` are those of its path's parameters, in order.

        Raises:
            RequestValidationError: the query, a header or the body is not what the endpoint takes.
            RequestError: what the endpoint and its dependencies raise.
            HTTPException: the body is no text, or more than Python reads as JSON.
        """
        incoming = _Incoming(request, dict(zip(self._path_names, path_values, strict=True)))
        for plan in self._first:
            await plan.solve(incoming)
        arguments = await self._plan.make_arguments(incoming)
        content: Any = None
        if self._plan.body:
            body = self._plan.body
            data = await request.body()
            content, arguments[body.name] = await json_body.handle_body(
                data, _read_body, body, incoming
            )
        if incoming.errors:
            raise RequestValidationError(incoming.errors, body=content)
        return cast("Response", await self._plan.function(**arguments))


def _read_body(data: bytes, body: _Body, incoming: _Incoming) -> tuple[Any, Any]:
    """Return the JSON of a body, None where it is empty, and what the endpoint gets of it."""
    content = _parse(data, body.max_values) if data else None
    if content is not None:
        return content, _validate(body.adapter, content, ("body",), incoming)
    if body.default is not inspect.Parameter.empty:
        return None, body.default
    missing = {"type": "missing", "loc": ("body",), "input": None, "msg": "Field required"}
    incoming.errors.append(missing)
    return None, None


def _parse(data: bytes, most: int) -> Any:
    try:
        return json_body.loads(data, most)
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
