"""Files are attached with the official SDK, searched as they are at that moment, and never after they are gone."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openai import BadRequestError, NotFoundError, OpenAI

from tests.live.fixtures import ConnectClient, StartServer
from tests.live.server import wait_until

pytestmark = pytest.mark.every_backend

FOODS = "Filip's favorite food is cake. Effie's favorite food is pizza."
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


def attach(client: OpenAI, store_id: str, name: str, text: str, **fields: Any) -> str:
    """Upload a file, attach it, and wait until it is indexed."""
    file = client.files.create(file=(name, text.encode()), purpose="assistants")
    attached = client.vector_stores.files.create_and_poll(
        file.id, vector_store_id=store_id, **fields
    )
    assert attached.status == "completed", attached.last_error
    return file.id


def find(
    client: OpenAI, store_id: str, query: str | list[str] = "favorite food", **options: Any
) -> list[str]:
    """The ids of the files that a search finds."""
    return [each.file_id for each in client.vector_stores.search(store_id, query=query, **options)]


def test_a_file_is_uploaded_indexed_found_and_read(client: OpenAI) -> None:
    store = client.vector_stores.create(name="foods")
    assert store.status == "completed"
    attached = client.vector_stores.files.upload_and_poll(
        vector_store_id=store.id, file=("你好.txt", FOODS.encode())
    )
    assert attached.status == "completed"
    assert attached.usage_bytes == len(FOODS) + 1024
    page = client.vector_stores.search(store.id, query="What does Filip like to eat?")
    (result,) = page.data
    assert (result.file_id, result.filename, result.attributes) == (attached.id, "你好.txt", {})
    assert [(part.type, part.text) for part in result.content] == [("text", FOODS)]
    assert 0 < result.score <= 1
    assert page.model_extra == {
        "search_query": ["What does Filip like to eat?"],
        "has_more": False,
        "next_page": None,
    }
    content = client.vector_stores.files.content(attached.id, vector_store_id=store.id)
    assert [(part.type, part.text) for part in content] == [("text", FOODS)]
    assert client.vector_stores.retrieve(store.id).usage_bytes == attached.usage_bytes


def test_a_batch_with_an_empty_file_and_a_picture_ends_with_the_reasons(client: OpenAI) -> None:
    store = client.vector_stores.create()
    contents = [(f"{number}.md", f"# Note {number}".encode()) for number in range(23)]
    batch = client.vector_stores.file_batches.upload_and_poll(
        vector_store_id=store.id, files=[*contents, ("empty.txt", b" "), ("picture.png", PNG)]
    )
    assert batch.id.startswith("vsfb_")
    counts = batch.file_counts
    assert (counts.completed, counts.failed, counts.total) == (23, 2, 25)
    failed = client.vector_stores.file_batches.list_files(
        batch.id, vector_store_id=store.id, filter="failed"
    )
    errors = {each.last_error.code for each in failed if each.last_error}
    assert errors == {"invalid_file", "unsupported_file"}


def test_a_search_takes_filters_a_threshold_and_several_queries(client: OpenAI) -> None:
    store = client.vector_stores.create()
    old = attach(client, store.id, "a.txt", FOODS, attributes={"year": 2020, "lang": "en"})
    new = attach(client, store.id, "b.txt", "Filip drives a car.", attributes={"year": 2024})
    year = {"type": "gte", "key": "year", "value": 2021}
    english = {"type": "eq", "key": "lang", "value": "en"}
    assert find(client, store.id, "Filip", filters=year) == [new]
    assert find(client, store.id, "Filip", filters=english) == [old]
    either = {"type": "or", "filters": [year, english]}
    assert set(find(client, store.id, "Filip", filters=either)) == {old, new}
    both = {"type": "and", "filters": [year, english]}
    assert find(client, store.id, "Filip", filters=both) == []
    assert set(find(client, store.id, ["pizza", "car"])) == {old, new}
    assert len(find(client, store.id, ["pizza", "car"], max_num_results=1)) == 1
    options = {"ranker": "default-2024-11-15", "score_threshold": 1.0}
    assert find(client, store.id, "quantum chromodynamics", ranking_options=options) == []


def test_search_trap_32_changed_attributes_hold_for_the_next_search(client: OpenAI) -> None:
    store = client.vector_stores.create()
    file_id = attach(client, store.id, "a.txt", FOODS, attributes={"draft": True})
    drafts = {"type": "eq", "key": "draft", "value": True}
    assert find(client, store.id, filters=drafts) == [file_id]
    client.vector_stores.files.update(
        file_id, vector_store_id=store.id, attributes={"draft": False}
    )
    assert find(client, store.id, filters=drafts) == []
    (result,) = client.vector_stores.search(store.id, query="food").data
    assert result.attributes == {"draft": False}


def test_search_trap_21_a_file_in_two_stores_is_found_in_each(client: OpenAI) -> None:
    stores = [client.vector_stores.create() for _ in range(2)]
    file_id = attach(client, stores[0].id, "a.txt", FOODS)
    client.vector_stores.files.create_and_poll(file_id, vector_store_id=stores[1].id)
    client.vector_stores.files.delete(file_id, vector_store_id=stores[0].id)
    assert find(client, stores[0].id) == []
    assert find(client, stores[1].id) == [file_id]


def detach(client: OpenAI, store_id: str, file_id: str) -> None:
    client.vector_stores.files.delete(file_id, vector_store_id=store_id)


def delete_file(client: OpenAI, _: str, file_id: str) -> None:
    client.files.delete(file_id)


@pytest.mark.parametrize("remove", [detach, delete_file])
def test_what_is_removed_is_found_by_no_server_from_the_next_request_on(
    start_server: StartServer, connect: ConnectClient, remove: Callable[[OpenAI, str, str], None]
) -> None:
    one = start_server()
    clients = [connect(one), connect(start_server(beside=one))]
    store = clients[0].vector_stores.create()
    kept = attach(clients[0], store.id, "kept.txt", "The favorite food of nobody.")
    for number in range(3):
        file_id = attach(clients[0], store.id, "a.txt", f"{FOODS} {number}")
        for client in clients:
            assert set(find(client, store.id)) == {kept, file_id}
        remove(clients[number % 2], store.id, file_id)
        for client in clients:
            assert find(client, store.id) == [kept]
            with pytest.raises(NotFoundError):
                client.vector_stores.files.content(file_id, vector_store_id=store.id)
    clients[1].vector_stores.delete(store.id)
    for client in clients:
        with pytest.raises(NotFoundError, match="No vector store found with id"):
            find(client, store.id)


@pytest.mark.local_state
def test_an_index_that_is_deleted_under_a_server_is_made_again(
    start_server: StartServer, connect: ConnectClient
) -> None:
    server = start_server()
    client = connect(server)
    store = client.vector_stores.create()
    file_id = attach(client, store.id, "a.txt", FOODS)
    shutil.rmtree(Path(str(server.state.settings["data_dir"]), "search"))
    assert find(client, store.id) == []
    wait_until(lambda: find(client, store.id) == [file_id], "the file is found again")
    assert (
        client.vector_stores.files.retrieve(file_id, vector_store_id=store.id).status == "completed"
    )
    server.stop()
    shutil.rmtree(Path(str(server.state.settings["data_dir"]), "search"))
    server.start()
    client = connect(server)
    wait_until(lambda: find(client, store.id) == [file_id], "the file is found again")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "query"),
        ({"query": ""}, "query"),
        ({"query": []}, "query"),
        ({"query": [1]}, "query[0]"),
        ({"query": "x", "max_num_results": 0}, "max_num_results"),
        ({"query": "x", "max_num_results": 51}, "max_num_results"),
        ({"query": "x", "ranking_options": {"score_threshold": 1.1}}, "ranking_options.score_threshold"),
        ({"query": "x", "ranking_options": {"ranker": "best"}}, "ranking_options.ranker"),
        ({"query": "x", "ranking_options": {"hybrid_search": {"embedding_weight": 1}}}, "ranking_options.hybrid_search.text_weight"),
        ({"query": "x", "ranking_options": {"hybrid_search": {"embedding_weight": -1, "text_weight": 1}}}, "ranking_options.hybrid_search.embedding_weight"),
        ({"query": "x", "ranking_options": {"hybrid_search": {"embedding_weight": 0, "text_weight": 0}}}, "ranking_options.hybrid_search.text_weight"),
        ({"query": "x", "filters": {"type": "like", "key": "k", "value": 1}}, "filters.type"),
        ({"query": "x", "filters": {"type": "and", "filters": [{"type": "eq"}]}}, "filters.filters[0].key"),
        ({"query": "x", "filters": []}, "filters"),
        ({"query": "x", "limit": 1}, "limit"),
    ],
)  # fmt: skip
def test_a_search_that_cannot_be_read_is_refused(client: OpenAI, body: Any, param: str) -> None:
    store = client.vector_stores.create()
    with pytest.raises(BadRequestError) as raised:
        client.post(f"/vector_stores/{store.id}/search", body=body, cast_to=object)
    assert raised.value.param == param


def test_weights_say_how_much_meaning_and_words_count(client: OpenAI) -> None:
    store = client.vector_stores.create()
    attach(client, store.id, "words.txt", "cat 7, sitting 12, where 40, is 9, the 81")
    attach(client, store.id, "meaning.txt", "Our kitten rests upon its rug.")

    def score(embedding_weight: float, text_weight: float) -> dict[str, float]:
        weights = {"embedding_weight": embedding_weight, "text_weight": text_weight}
        options: Any = {"hybrid_search": weights, "score_threshold": 0.01}
        query = "Where is the cat sitting?"
        found = client.vector_stores.search(store.id, query=query, ranking_options=options)
        return {each.filename: each.score for each in found}

    words, meaning, both = score(0, 1), score(1, 0), score(2, 1)
    assert set(words) == {"words.txt"}, "nothing that only means the same"
    assert set(meaning) == {"words.txt", "meaning.txt"}
    assert both["meaning.txt"] == pytest.approx(meaning["meaning.txt"] * 2 / 3)
    assert both["words.txt"] == pytest.approx((meaning["words.txt"] * 2 + words["words.txt"]) / 3)
    assert score(0.002, 0.001) == pytest.approx(both)


@pytest.mark.parametrize(
    "options",
    [
        {"ranking_options": {"ranker": ranker}}
        for ranker in ("none", "auto", "default-2024-11-15", "default_2024_08_21")
    ]
    + [{"rewrite_query": True}, {"max_num_results": 50}],
)
def test_a_search_takes_what_sdks_send(client: OpenAI, options: dict[str, Any]) -> None:
    store = client.vector_stores.create()
    assert find(client, store.id, **options) == []
