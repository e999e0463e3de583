"""One search as three interfaces show it: runs, responses, and stores that a program searches itself."""

from typing import Any

import httpx
import pytest
from openai import OpenAI

from tests.acceptance.conftest import Ask, Talk
from tests.acceptance.test_file_search import CONTENT, FOODS, MARKER, QUERY, make_store, upload
from tests.integration.responses.conversing import ask as respond
from tests.integration.responses.conversing import refuse, stream
from tests.live.response_stream import names
from tests.sandbox.extraction import documents
from tests.upstream import Upstream

RESULTS = ["file_search_call.results"]


@pytest.fixture
def file_id(client: OpenAI) -> str:
    return upload(client)


@pytest.fixture
def store_id(client: OpenAI, file_id: str) -> str:
    return make_store(client, file_id)


@pytest.fixture
def tools(store_id: str) -> list[dict[str, Any]]:
    """The tool of a response that searches the store."""
    return [{"type": "file_search", "vector_store_ids": [store_id]}]


@pytest.fixture
def talk(ask: Ask, store_id: str) -> Talk:
    resources = {"file_search": {"vector_store_ids": [store_id]}}
    return ask("What is it?", tools=[{"type": "file_search"}], tool_resources=resources)


def have_cited(upstream: Upstream, *pieces: str) -> None:
    """Have the model search, then answer."""
    upstream.function("file_search", QUERY)
    upstream.say(*(pieces or (f"Cake{MARKER}.",)))


def read_step(talk: Talk, raw: httpx.Client) -> dict[str, Any]:
    """The only result of the search of a run, as JSON, and how it was ranked."""
    run = talk.run()
    path = f"threads/{talk.thread_id}/runs/{run.id}/steps"
    steps = raw.get(path, params={"include[]": CONTENT, "order": "asc"}).json()["data"]
    search: dict[str, Any] = steps[0]["step_details"]["tool_calls"][0]["file_search"]
    return search


def test_search_trap_07_a_name_is_file_name_in_steps_and_filename_elsewhere(
    talk: Talk,
    raw: httpx.Client,
    upstream: Upstream,
    store_id: str,
    tools: list[dict[str, Any]],
) -> None:
    have_cited(upstream)
    (told,) = read_step(talk, raw)["results"]
    (found,) = raw.post(f"vector_stores/{store_id}/search", json={"query": "food"}).json()["data"]
    have_cited(upstream)
    call, message = respond(raw, tools=tools, include=RESULTS)["output"]
    (cited,) = message["content"][0]["annotations"]
    name = "favorite_foods.txt"
    assert (told["file_name"], "filename" in told) == (name, False)
    for each in (found, call["results"][0], cited):
        assert (each["filename"], "file_name" in each) == (name, False)


def test_search_trap_08_content_is_a_list_but_in_responses_one_text(
    talk: Talk,
    raw: httpx.Client,
    upstream: Upstream,
    store_id: str,
    tools: list[dict[str, Any]],
) -> None:
    have_cited(upstream)
    (told,) = read_step(talk, raw)["results"]
    (found,) = raw.post(f"vector_stores/{store_id}/search", json={"query": "food"}).json()["data"]
    have_cited(upstream)
    (result,) = respond(raw, tools=tools, include=RESULTS)["output"][0]["results"]
    assert told["content"] == found["content"] == [{"type": "text", "text": FOODS}]
    assert (result["text"], "content" in result) == (FOODS, False)


@pytest.mark.parametrize("ranker", ["auto", "default_2024_08_21", "default-2024-11-15"])
def test_search_trap_09_a_ranker_may_be_spelled_as_at_any_door(
    ranker: str, client: OpenAI, raw: httpx.Client, upstream: Upstream, tools: list[dict[str, Any]]
) -> None:
    ranking = {"ranking_options": {"ranker": ranker, "score_threshold": 0.0}}
    tool: Any = {"type": "file_search", "file_search": ranking}
    made = client.beta.assistants.create(model="m", tools=[tool]).to_dict()
    echoed: Any = made["tools"]
    assert echoed[0]["file_search"]["ranking_options"]["ranker"] == ranker.replace(
        "-2024-11-15", "_2024_08_21"
    )
    store_id = tools[0]["vector_store_ids"][0]
    search = {"query": "food", **ranking}
    assert raw.post(f"vector_stores/{store_id}/search", json=search).json()["data"]
    upstream.say("Hi")
    (answered,) = respond(raw, tools=[tools[0] | ranking])["tools"]
    assert answered["ranking_options"]["ranker"] == ranker.replace("_2024_08_21", "-2024-11-15")


def test_search_trap_11_the_echo_of_responses_has_also_what_was_not_given(
    raw: httpx.Client, upstream: Upstream, tools: list[dict[str, Any]]
) -> None:
    upstream.say("Hi")
    (echoed,) = respond(raw, tools=tools)["tools"]
    assert list(echoed.items()) == [
        ("type", "file_search"),
        ("filters", None),
        ("max_num_results", 20),
        ("ranking_options", {"ranker": "auto", "score_threshold": 0.0}),
        ("vector_store_ids", tools[0]["vector_store_ids"]),
    ]
    refused = refuse(raw, tools=[tools[0] | {"ranking_options": {"ranker": "best"}}])
    assert refused["param"] == "tools[0].ranking_options.ranker"


def test_search_trap_10_only_the_echoed_tool_names_hybrid_search(
    talk: Talk, client: OpenAI, raw: httpx.Client, upstream: Upstream
) -> None:
    assistant: Any = client.beta.assistants.retrieve(talk.assistant_id).to_dict()
    ranking = {"ranker": "default_2024_08_21", "score_threshold": 0.0}
    echoed = assistant["tools"][0]["file_search"]["ranking_options"]
    assert echoed == ranking | {"hybrid_search": None}
    have_cited(upstream)
    assert read_step(talk, raw)["ranking_options"] == ranking


def test_search_trap_14_only_runs_keep_markers_in_their_text(
    talk: Talk, raw: httpx.Client, upstream: Upstream, tools: list[dict[str, Any]]
) -> None:
    have_cited(upstream)
    talk.run()
    assert talk.answer.content[0].text.value == f"Cake{MARKER}."
    have_cited(upstream, "Cake", "【4:0†favo", "rite_foods.txt", "】.")
    events = stream(raw, tools=tools)
    assert "†" not in "".join(
        each.data["delta"] for each in events if each.name == "response.output_text.delta"
    )
    (part,) = events[-1].data["response"]["output"][1]["content"]
    assert part["text"] == "Cake."
    assert len(part["annotations"]) == 1


def test_search_trap_15_the_index_of_a_citation_is_a_place_in_the_text(
    raw: httpx.Client, upstream: Upstream, file_id: str, tools: list[dict[str, Any]]
) -> None:
    """In code points, with characters beyond the BMP before it, and after earlier markers are gone."""
    have_cited(upstream, f"😀 蛋糕{MARKER}。", f"Pizza{MARKER}.")
    part = respond(raw, tools=tools)["output"][1]["content"][0]
    assert part["text"] == "😀 蛋糕。Pizza."
    assert [each["index"] for each in part["annotations"]] == [4, 10]
    for each in part["annotations"]:
        expected = {"type": "file_citation", "file_id": file_id, "filename": "favorite_foods.txt"}
        assert expected.items() <= each.items()
        assert not {"start_index", "end_index", "quote"} & set(each)


def test_search_trap_16_a_citation_is_told_between_the_deltas(
    raw: httpx.Client, upstream: Upstream, tools: list[dict[str, Any]]
) -> None:
    have_cited(upstream, "Cake", MARKER, ".")
    events = stream(raw, tools=tools)
    assert names(events) == [
        "created", "in_progress", "output_item.added", "file_search_call.in_progress",
        "file_search_call.searching", "file_search_call.completed", "output_item.done",
        "output_item.added", "content_part.added", "output_text.delta",
        "output_text.annotation.added", "output_text.delta", "output_text.done",
        "content_part.done", "output_item.done", "completed",
    ]  # fmt: skip
    (told,) = [each.data for each in events if each.name.endswith("annotation.added")]
    assert (told["annotation_index"], told["annotation"]["index"]) == (0, len("Cake"))


def test_search_trap_29_no_page_or_quote_stands_among_the_attributes(client: OpenAI) -> None:
    """Filters would find it there; they are for what clients wrote."""
    store = client.vector_stores.create()
    guide = ("guide.pdf", documents.pdf(["Tickets cost ten.", "The museum opens at nine."]))
    attached = client.vector_stores.files.upload_and_poll(
        vector_store_id=store.id, file=guide, attributes={"kind": "guide"}
    )
    assert attached.status == "completed", attached.last_error
    found = client.vector_stores.search(store.id, query="museum opens").data
    assert found
    for each in found:
        assert each.attributes == {"kind": "guide"}
        assert "quote" not in each.to_dict()
    for key in ("page", "quote"):
        filters: Any = {"type": "gte", "key": key, "value": 0}
        assert not client.vector_stores.search(store.id, query="museum", filters=filters).data


def test_search_trap_40_a_document_of_pictures_has_failed(client: OpenAI) -> None:
    store = client.vector_stores.create()
    attached = client.vector_stores.files.upload_and_poll(
        vector_store_id=store.id, file=("scan.pdf", documents.pdf(["", ""]))
    )
    assert attached.status == "failed"
    assert attached.last_error
    assert attached.last_error.code == "invalid_file"
    counts = client.vector_stores.retrieve(store.id).file_counts
    assert (counts.failed, counts.completed) == (1, 0)
