"""Endpoints are bound as FastAPI binds them; what would be bound otherwise is refused at the start."""

from collections.abc import AsyncGenerator
from types import SimpleNamespace
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, BackgroundTasks, Cookie, Depends, FastAPI, Header, Query, Request
from fastapi import Body as BodyMark
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, Response
from pydantic import BaseModel

from assistd.api.framework.binding import BoundEndpoint
from assistd.api.framework.router import Routes
from assistd.api.framework.services import find_service, provide


class Item(BaseModel):
    name: str
    count: int = 1


calls: list[str] = []


@pytest.fixture(autouse=True)
def no_calls() -> None:
    calls.clear()


async def counted() -> int:
    calls.append("counted")
    return len(calls)


async def outer(inner: Annotated[int, Depends(counted)]) -> int:
    calls.append("outer")
    return inner


def request(query: str = "", body: bytes = b"", **headers: str) -> Request:
    app = FastAPI()
    provide(app, policy=None, greeting="hello")

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "app": app,
    }
    return Request(scope, receive)


async def answer_of(endpoint: Any, asked: Request, **path: str) -> str:
    response = await BoundEndpoint(endpoint, list(path), ())(asked, list(path.values()))
    return bytes(response.body).decode()


async def test_path_query_header_body_and_service_come_to_their_parameters() -> None:
    async def endpoint(
        name: str,
        asked: Request,
        item: Item,
        greeting: Annotated[str, Depends(find_service("greeting"))],
        limit: Annotated[int, Query(ge=1)] = 20,
        tags: Annotated[list[str] | None, Query(alias="tag")] = None,
        x_mark: Annotated[str | None, Header()] = None,
    ) -> Response:
        return PlainTextResponse(
            f"{greeting} {name} {item.count} {limit} {tags} {x_mark} {asked.method}"
        )

    asked = request("limit=3&tag=a&tag=b", b'{"name": "n", "count": 7}', **{"x-mark": "m"})
    assert await answer_of(endpoint, asked, name="me") == "hello me 7 3 ['a', 'b'] m POST"


async def test_a_dependency_is_called_once_per_request_whoever_asks_for_it() -> None:
    async def endpoint(
        one: Annotated[int, Depends(counted)],
        two: Annotated[int, Depends(outer)],
        three: Annotated[int, Depends(counted)],
    ) -> Response:
        return PlainTextResponse(f"{one} {two} {three}")

    bound = BoundEndpoint(endpoint, (), [Depends(outer)])
    for _ in range(2):  # each request calls it anew
        calls.clear()
        assert bytes((await bound(request(), ())).body) == b"1 1 1"
        assert calls == ["counted", "outer"]


async def test_every_wrong_value_is_told_and_the_endpoint_is_not_called() -> None:
    async def needs_number(number: int) -> int:
        raise AssertionError("it was called")

    async def endpoint(
        item: Item,
        _: Annotated[int, Depends(needs_number)],
        again: Annotated[int, Depends(needs_number)],
        limit: Annotated[int, Query(le=9)] = 1,
    ) -> Response:
        raise AssertionError("it was called")

    with pytest.raises(RequestValidationError) as caught:
        await answer_of(endpoint, request("number=x&limit=10", b"{}"))
    found = [(each["type"], each["loc"]) for each in caught.value.errors()]
    assert found == [
        ("less_than_equal", ("query", "limit")),
        ("int_parsing", ("query", "number")),
        ("missing", ("body", "name")),
    ]


@pytest.mark.parametrize("body", [b"", b"null"])
async def test_a_body_may_be_absent_where_it_has_a_default(body: bytes) -> None:
    async def endpoint(item: Item | None = None) -> Response:
        return PlainTextResponse(repr(item))

    async def strict(item: Item) -> Response:
        raise AssertionError("it was called")

    assert await answer_of(endpoint, request(body=body)) == "None"
    with pytest.raises(RequestValidationError, match="Field required"):
        await answer_of(strict, request(body=body))


def plain() -> int:
    return 1


async def generated() -> AsyncGenerator[int]:
    yield 1


async def with_body(item: Item) -> str:
    return item.name


def not_async() -> Response:
    return PlainTextResponse("")


async def plain_dependency(_: Annotated[int, Depends(plain)]) -> Response: ...
async def yields(_: Annotated[int, Depends(generated)]) -> Response: ...
async def uncached(_: Annotated[int, Depends(counted, use_cache=False)]) -> Response: ...
async def scoped(_: Annotated[int, Depends(counted, scope="function")]) -> Response: ...
async def nameless(_: Annotated[Item, Depends()]) -> Response: ...
async def body_below(_: Annotated[str, Depends(with_body)]) -> Response: ...
async def two_bodies(one: Item, two: Item) -> Response: ...
async def embedded(one: Annotated[Item, BodyMark(embed=True)]) -> Response: ...
async def cookie(one: Annotated[str | None, Cookie()] = None) -> Response: ...
async def tasks(one: BackgroundTasks) -> Response: ...
async def number_in_path(number: int) -> Response: ...
async def any_names(**names: str) -> Response: ...


REFUSED = [
    not_async,
    plain_dependency,
    yields,
    uncached,
    scoped,
    nameless,
    body_below,
    two_bodies,
    embedded,
    cookie,
    tasks,
    number_in_path,
    any_names,
]


@pytest.mark.parametrize("endpoint", REFUSED)
def test_what_a_plan_cannot_do_is_refused_when_it_is_drawn_up(endpoint: Any) -> None:
    """FastAPI would take each of these; a plan could not call it as FastAPI does."""
    with pytest.raises(TypeError):
        BoundEndpoint(endpoint, ["number"], ())


def test_a_route_whose_answer_fastapi_would_make_is_refused() -> None:
    async def makes_no_response() -> dict[str, int]:
        return {"a": 1}

    async def answers() -> Response:
        return PlainTextResponse("")

    for options in ({"endpoint": makes_no_response}, {"endpoint": answers, "status_code": 201}):
        router = APIRouter()
        router.add_api_route("/a", **options)
        with pytest.raises(TypeError, match="must return a response"):
            Routes().include(router, "/v1")


def test_a_word_goes_before_a_parameter_and_the_rest_of_a_path_is_one_value() -> None:
    async def word() -> Response: ...
    async def parameter(name: str) -> Response: ...
    async def rest(path: str) -> Response: ...

    router = APIRouter()
    router.add_api_route("/a/word", word, methods=["GET"])
    router.add_api_route("/a/{name}", parameter, methods=["GET", "POST"])
    router.add_api_route("/b/{path:path}", rest)
    routes = Routes()
    routes.include(router, "/v1")

    def found(method: str, path: str) -> list[str] | None:
        hit = routes.find(method, path)
        return hit and hit[1]

    assert found("GET", "/v1/a/word") == []
    assert found("POST", "/v1/a/word") == ["word"], "the word has no such method"
    assert found("GET", "/v1/a/x") == ["x"]
    assert found("GET", "/v1/b/x/y") == ["x/y"]
    assert found("GET", "/v1/a/") is found("PUT", "/v1/a/x") is found("GET", "/v1/a/x/y") is None


def test_what_is_provided_is_of_one_app() -> None:
    one, two = FastAPI(), FastAPI()
    provide(one, name=SimpleNamespace(of=1))
    provide(two, name=SimpleNamespace(of=2))
    assert (one.state.name.of, two.state.name.of) == (1, 2)
