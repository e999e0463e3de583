"""The file search of a response: its settings, and what of them reaches the search (contract, file search)."""

import json
from typing import Any

import httpx
import pytest
from openai import BadRequestError, NotFoundError, OpenAI

from tests.integration.responses.conversing import ask, refuse
from tests.live.fixtures import ConnectClient, StartServer
from tests.live.server import Server
from tests.live.tenants import client_of, new_project
from tests.live.wire import Wire
from tests.upstream import Upstream

RESULTS = ["file_search_call.results"]
QUERY = {"queries": ["harbour"]}


def make_store(client: OpenAI, files: dict[str, dict[str, Any]], text: str = "") -> str:
    """A store of files by name, each with its attributes, that all speak of a harbour."""
    store = client.vector_stores.create()
    for name, attributes in files.items():
        content = text or f"The harbour of {name} is deep."
        file = client.files.create(file=(f"{name}.txt", content.encode()), purpose="assistants")
        attached = client.vector_stores.files.create_and_poll(
            file.id, vector_store_id=store.id, attributes=attributes
        )
        assert attached.status == "completed"
    return store.id


@pytest.fixture
def store(client: OpenAI) -> str:
    """Three towns and their years."""
    towns: dict[str, dict[str, Any]] = {
        "Rostock": {"year": 1218, "country": "de"},
        "Odessa": {"year": 1794, "country": "ua"},
        "Kiel": {"year": 1242, "country": "de"},
    }
    return make_store(client, towns)


def search(
    client: OpenAI, upstream: Upstream, store: str, model: str = "m", **settings: Any
) -> list[dict[str, Any]]:
    """The results of one search with these settings."""
    upstream.function("file_search", QUERY)
    upstream.say("Found.")
    tool: Any = {"type": "file_search", "vector_store_ids": [store], **settings}
    made = client.responses.create(model=model, input="?", tools=[tool], include=RESULTS)  # type: ignore[arg-type]
    results: list[dict[str, Any]] = made.output[0].to_dict()["results"]  # type: ignore[assignment]
    return results


FILTERS: list[tuple[dict[str, Any], set[str]]] = [
    ({"type": "eq", "key": "country", "value": "de"}, {"Rostock", "Kiel"}),
    ({"type": "ne", "key": "country", "value": "de"}, {"Odessa"}),
    ({"type": "in", "key": "year", "value": [1794, 1242]}, {"Odessa", "Kiel"}),
    (
        {
            "type": "and",
            "filters": [
                {"type": "eq", "key": "country", "value": "de"},
                {"type": "lt", "key": "year", "value": 1240},
            ],
        },
        {"Rostock"},
    ),
    ({"type": "gt", "key": "year", "value": 2000}, set()),
]


@pytest.mark.parametrize(("filters", "found"), FILTERS)
def test_only_files_that_pass_the_filters_are_found(
    filters: dict[str, Any], found: set[str], client: OpenAI, upstream: Upstream, store: str
) -> None:
    results = search(client, upstream, store, filters=filters)
    assert {each["filename"].removesuffix(".txt") for each in results} == found


def test_no_more_results_are_told_than_are_wanted(
    client: OpenAI, upstream: Upstream, store: str
) -> None:
    assert len(search(client, upstream, store)) == 3
    assert len(search(client, upstream, store, max_num_results=2)) == 2


@pytest.mark.parametrize("ranker", ["auto", "none", "default-2024-11-15", "default_2024_08_21"])
def test_every_ranker_is_taken_and_the_threshold_holds(
    ranker: str, client: OpenAI, upstream: Upstream, store: str
) -> None:
    results = search(client, upstream, store, ranking_options={"ranker": ranker})
    scores = [each["score"] for each in results]
    assert len(scores) == 3
    none = {"ranker": ranker, "score_threshold": 1.0}
    assert all(each["score"] == 1 for each in search(client, upstream, store, ranking_options=none))
    some = {"ranker": ranker, "score_threshold": min(scores) / 2}
    assert len(search(client, upstream, store, ranking_options=some)) == 3


def test_weights_of_meaning_and_words_are_heeded(
    client: OpenAI, raw: httpx.Client, upstream: Upstream, store: str
) -> None:
    by_words = {"hybrid_search": {"embedding_weight": 0, "text_weight": 1}}
    by_meaning = {"hybrid_search": {"embedding_weight": 1, "text_weight": 0}}
    words = search(client, upstream, store, ranking_options=by_words)
    meaning = search(client, upstream, store, ranking_options=by_meaning)
    assert {each["filename"] for each in words} == {each["filename"] for each in meaning}
    assert [each["score"] for each in words] != [each["score"] for each in meaning]
    upstream.say("Hello")
    tool = {"type": "file_search", "vector_store_ids": [store], "ranking_options": by_words}
    made = ask(raw, tools=[tool])
    usual = {"ranker": "auto", "score_threshold": 0.0}
    assert made["tools"][0]["ranking_options"] == usual | by_words
    assert raw.get(f"responses/{made['id']}").json()["tools"] == made["tools"]


def test_small_models_are_told_less(client: OpenAI, upstream: Upstream) -> None:
    """As in the first door (contract, file search, section 3)."""
    store = make_store(client, {f"Town{number}": {} for number in range(7)})
    assert len(search(client, upstream, store)) == 7
    assert len(search(client, upstream, store, model="gpt-3.5-turbo")) == 5
    wanted = search(client, upstream, store, model="gpt-3.5-turbo", max_num_results=7)
    assert len(wanted) == 7


def test_models_of_small_windows_are_told_less(
    start_server: StartServer, connect: ConnectClient, upstream: Upstream
) -> None:
    client = connect(start_server(upstream_window=4096))
    long = "The harbour is deep. " + "It is wide and old and cold and grey. " * 60
    store = make_store(client, {f"Town{number}": {} for number in range(4)}, long)
    upstream.function("file_search", QUERY)
    upstream.say("Found.")
    tool: Any = {"type": "file_search", "vector_store_ids": [store]}
    made = client.responses.create(model="m", input="?", tools=[tool], include=RESULTS)  # type: ignore[arg-type]
    texts = [each["text"] for each in made.output[0].to_dict()["results"]]  # type: ignore[union-attr,index]
    assert len(texts) == 1, "a result takes a quarter of the window at most"


def test_settings_are_echoed_in_full(raw: httpx.Client, upstream: Upstream, store: str) -> None:
    """Contract, file search, section 4 and trap 11."""
    upstream.say("Hello")
    tool = {"type": "file_search", "vector_store_ids": [store]}
    made = ask(raw, tools=[tool])
    assert json.dumps(made["tools"]) == json.dumps(
        [
            {
                "type": "file_search",
                "filters": None,
                "max_num_results": 20,
                "ranking_options": {"ranker": "auto", "score_threshold": 0.0},
                "vector_store_ids": [store],
            }
        ]
    )
    given = {
        "filters": FILTERS[3][0],
        "max_num_results": 3,
        "ranking_options": {"ranker": "default-2024-11-15", "score_threshold": 0.5},
    }
    upstream.say("Hello")
    made = ask(raw, tools=[tool | given])
    assert made["tools"] == [tool | given]
    assert raw.get(f"responses/{made['id']}").json()["tools"] == [tool | given]


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "an operator": ({"filters": {"type": "like", "key": "a", "value": "b"}}, "tools[0].filters.type", "invalid_value"),
    "no key": ({"filters": {"type": "eq", "value": "b"}}, "tools[0].filters.key", "missing_required_parameter"),
    "a value deep within": ({"filters": {"type": "or", "filters": [{"type": "eq", "key": "a", "value": 1}, {"type": "in", "key": "a", "value": 1}]}}, "tools[0].filters.filters[1].value", "invalid_type"),
    "a ranker": ({"ranking_options": {"ranker": "best"}}, "tools[0].ranking_options.ranker", "invalid_value"),
    "a threshold": ({"ranking_options": {"score_threshold": 1.5}}, "tools[0].ranking_options.score_threshold", "decimal_above_max_value"),
    "one weight": ({"ranking_options": {"hybrid_search": {"text_weight": 1}}}, "tools[0].ranking_options.hybrid_search.embedding_weight", "missing_required_parameter"),
    "too many results": ({"max_num_results": 51}, "tools[0].max_num_results", "integer_above_max_value"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_settings_that_are_none_are_refused_by_their_path(
    case: str, raw: httpx.Client, store: str
) -> None:
    settings, param, code = REFUSED[case]
    tool = {"type": "file_search", "vector_store_ids": [store], **settings}
    error = refuse(raw, tools=[tool])
    assert (error["param"], error["code"]) == (param, code)


@pytest.mark.parametrize("background", [False, True])
def test_a_store_that_is_not_there_is_refused_before_the_model_is_asked(
    background: bool, client: OpenAI, upstream: Upstream, server: Server, wire: Wire, store: str
) -> None:
    tool: Any = {"type": "file_search", "vector_store_ids": ["vs_0"]}
    with pytest.raises(NotFoundError, match="No vector store found with id 'vs_0'"):
        client.responses.create(model="m", input="?", tools=[tool], background=background)
    tool["vector_store_ids"] = [store]
    with client_of(server, new_project(server)[1], wire) as other:
        error = refuse(other, tools=[tool], background=background)
    assert error["message"] == f"No vector store found with id '{store}'."
    assert not upstream.requests


def test_a_forced_search_is_forced_once(client: OpenAI, upstream: Upstream, store: str) -> None:
    upstream.function("file_search", QUERY)
    upstream.say("Found.")
    tool: Any = {"type": "file_search", "vector_store_ids": [store]}
    made = client.responses.create(
        model="m", input="?", tools=[tool], tool_choice={"type": "file_search"}
    )
    assert [each.type for each in made.output] == ["file_search_call", "message"]
    first, second = (each.body.get("tool_choice") for each in upstream.requests)
    assert first == {"type": "function", "function": {"name": "file_search"}}
    assert second is None
    with pytest.raises(BadRequestError, match="Tool choice 'file_search' not found"):
        client.responses.create(model="m", input="?", tool_choice={"type": "file_search"})
