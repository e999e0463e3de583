"""File search as a tool: what it asks, how much it tells, and what it says of failures."""

from collections.abc import Sequence
from typing import Any

import pytest
from tests.unit.models.asking import asking

from assistd.api.assistants.v1 import as_v1, as_v2
from assistd.engine.assistants.faces.search import _find_limits
from assistd.engine.tools import search_words
from assistd.engine.tools.code_words import CODE
from assistd.engine.tools.file_search import (
    WAIT_SECONDS,
    FileSearch,
    SearchLimits,
    read_queries,
)
from assistd.engine.tools.search_outcome import Found, tell_found
from assistd.engine.vector_stores.searching import SearchResult
from assistd.errors import RequestError
from assistd.models.base import Delta, HostedDelta, HostedStarted, TextDelta
from assistd.models.conversation import Assistant, HostedCall
from assistd.models.direct import Direct
from assistd.models.fenced import FencedReader, fenced_messages
from assistd.models.registry import _for_small_model
from assistd.models.upstream.chunks import Chunk
from assistd.objects.run import Run
from assistd.objects.tools import FileSearchSettings, FileSearchTool, RankingOptions

BOTH = (CODE, search_words.SEARCH)
FOUND = tell_found("c", search_words.SEARCH, [Found("file-a", "a.md", "Cake.")], number=4)
ASKED = Assistant("", (HostedCall("c", search_words.SEARCH, "x"),))


def result(text: str, score: float = 0.9, name: str = "a.md") -> SearchResult:
    return SearchResult("vs_1", f"file-{name}", name, {}, score, text, None)


class Store:
    """Gives the same results to everybody, and notes what it was asked."""

    def __init__(self, *results: SearchResult, error: Exception | None = None) -> None:
        self.results = list(results)
        self.error = error
        self.asked: list[Any] = []

    async def wait_until_indexed(self, project_id: str, store_id: str, seconds: float) -> None:
        self.asked.append((project_id, store_id, seconds))

    async def search(
        self, project_id: str, store_ids: Sequence[str], queries: Sequence[str], **options: Any
    ) -> list[SearchResult]:
        self.asked.append((project_id, list(store_ids), list(queries), options))
        if self.error:
            raise self.error
        return self.results


def tool(store: Any, **options: Any) -> FileSearch:
    return FileSearch(store, "proj_1", ["vs_1", "vs_2"], awaited=["vs_2"], **options)


async def told(search: FileSearch, arguments: str = '{"queries": ["x"]}') -> str:
    return (await search.run(arguments)).tell("call_1", search_words.SEARCH).text


async def test_the_store_of_the_thread_is_waited_for_once_and_not_without_end() -> None:
    store = Store(result("One."))
    search = tool(store, api_key_id="key_1", limits=SearchLimits(3, 100, 0.5, text_share=0.2))
    await search.run('{"queries": ["a", "b", "a", " "]}')
    await search.run("c\nd")
    options = {
        "max_results": 3,
        "threshold": 0.5,
        "text_share": 0.2,
        "filters": None,
        "api_key_id": "key_1",
    }
    assert store.asked == [
        ("proj_1", "vs_2", WAIT_SECONDS),
        ("proj_1", ["vs_1", "vs_2"], ["a", "b"], options),
        ("proj_1", ["vs_1", "vs_2"], ["c", "d"], options),
    ]
    assert WAIT_SECONDS == 60


async def test_a_search_that_fails_is_never_told_as_an_empty_one() -> None:
    outcome = await tool(Store(error=RequestError("gone"))).run('{"queries": ["x"]}')
    said = outcome.tell("c", search_words.SEARCH)
    assert (outcome.results, said.failed) == ((), True)
    assert "failed" in said.text
    assert "Nothing was found" not in said.text
    assert "Nothing was found" in await told(tool(Store()))


@pytest.mark.parametrize(
    ("limits", "kept"),
    [
        (SearchLimits(), 3),
        (SearchLimits(tokens=100), 2),
        (SearchLimits(tokens=1), 1),
        (SearchLimits(share=0.5), 2),
    ],
)
async def test_the_best_results_are_told_as_far_as_there_is_room(
    limits: SearchLimits, kept: int
) -> None:
    texts = [result("word " * 40, score) for score in (0.9, 0.5, 0.1)]
    assert len((await tool(Store(*texts), limits=limits).run("x")).results) == kept


@pytest.mark.parametrize(
    ("arguments", "queries"),
    [
        ('{"queries": ["a", "b"]}', ["a", "b"]),
        ('{"query": "a"}', ["a"]),
        ('{"q": "a"}', ["a"]),
        ('["a"]', ["a"]),
        ('"a"', ["a"]),
        ("a\n\n b ", ["a", "b"]),
        ('{"queries": [1, null]}', []),
        ("{}", []),
        ("", []),
        ("7", []),
    ],
)
def test_queries_are_read_however_they_are_written(arguments: str, queries: list[str]) -> None:
    assert read_queries(arguments) == queries


@pytest.mark.parametrize(
    ("model", "settings", "window", "limits"),
    [
        ("gpt-4o", {}, None, SearchLimits(20, 16_000)),
        ("gpt-3.5-turbo", {}, None, SearchLimits(5, 4000)),
        ("gpt-4o", {"max_num_results": 2}, None, SearchLimits(2, 16_000)),
        ("gpt-4o", {}, 32_768, SearchLimits(20, 8192)),
        ("local", {}, 8192, SearchLimits(5, 2048, share=0.5)),
        ("local", {"max_num_results": 9}, 8192, SearchLimits(9, 2048)),
        (
            "gpt-4o",
            {"ranking_options": RankingOptions(score_threshold=0.4)},
            None,
            SearchLimits(20, 16_000, 0.4),
        ),
    ],
)
def test_how_much_a_model_is_told_depends_on_its_size(
    model: str, settings: dict[str, Any], window: int | None, limits: SearchLimits
) -> None:
    search = FileSearchTool(file_search=FileSearchSettings(**settings))
    run = Run(
        id="run_1",
        created_at=1,
        assistant_id="a",
        thread_id="t",
        expires_at=2,
        model=model,
        tools=(search,),
    )
    assert _find_limits(run, window) == limits


def read_blocks(text: str, *turns: Any) -> list[Delta]:
    reader = FencedReader(asking("What?", *turns, hosted=BOTH), 1)
    return [*reader.feed(Chunk(text=text)), *reader.feed(Chunk(finish="stop")), *reader.finish()]


@pytest.mark.parametrize(
    ("block", "called"),
    [
        ("```search\nx\n```", "file_search"),
        ("```python\nx\n```", "code_interpreter"),
        ("```file_search\nx\n```", "file_search"),
    ],
)
def test_the_label_of_a_block_says_which_tool_it_is_for(block: str, called: str) -> None:
    deltas = read_blocks(block)
    assert deltas[:2] == [HostedStarted(0, called), HostedDelta(0, "x")]


def test_a_search_that_is_repeated_is_answered_by_its_best_result() -> None:
    again = read_blocks("```search\nx\n```", ASKED, FOUND)
    assert again[0] == TextDelta("Cake.【4:0†a.md】")
    assert read_blocks("```python\nx\n```", ASKED, FOUND)[0] == HostedStarted(0, "code_interpreter")


def test_models_without_tool_calls_are_told_how_to_use_both_tools() -> None:
    messages = fenced_messages(asking("What?", hosted=BOTH), vision=False)
    assert "```python block" in messages[0]["content"]
    assert "```search block" in messages[0]["content"]
    forced = fenced_messages(
        asking("What?", hosted=BOTH, tool_choice="hosted:file_search"), vision=False
    )
    assert forced[0]["content"].endswith("Your next answer must be such a block.")


def test_the_question_is_asked_again_behind_what_was_found() -> None:
    messages = fenced_messages(asking("What {x}?", ASKED, FOUND, hosted=BOTH), vision=False)
    assert messages[-1]["content"].endswith(": What {x}?")


def test_a_small_model_is_shown_how_to_search_and_not_what_was_found_for_others() -> None:
    alone = (search_words.SEARCH,)
    first = _for_small_model(asking("What?", hosted=alone))
    queries = [
        call.arguments for turn in first.turns if isinstance(turn, Assistant) for call in turn.calls
    ]
    assert queries == ["opening hours of the museum", "博物館門票價格"]
    second = _for_small_model(asking("What?", ASKED, FOUND, hosted=alone))
    assert second.turns[-2:] == (ASKED, FOUND)
    assert len(second.turns) == 3


async def test_direct_searches_by_a_block_too() -> None:
    request = asking("```search\nx\n```", hosted=BOTH)
    deltas = [delta async for delta in Direct().stream(request)]
    assert deltas[:2] == [HostedStarted(0, "file_search"), HostedDelta(0, "x")]


def test_v1_calls_it_retrieval() -> None:
    sent = {"tools": [{"type": "retrieval"}], "metadata": {"type": "retrieval"}}
    assert as_v2(sent)["tools"] == [{"type": "file_search"}]
    call = {"id": "call_1", "type": "file_search", "file_search": {"results": []}}
    step = {
        "object": "thread.run.step",
        "step_details": {"type": "tool_calls", "tool_calls": [call]},
    }
    assert as_v1(step)["step_details"]["tool_calls"] == [
        {"id": "call_1", "type": "retrieval", "retrieval": {}}
    ]
    citation = {"type": "file_citation", "text": "【4:0†a】", "file_citation": {"file_id": "f"}}
    content = [{"type": "text", "text": {"value": "【4:0†a】", "annotations": [citation]}}]
    shown = as_v1(
        {"object": "thread.message", "content": content, "metadata": {"type": "file_search"}}
    )
    (note,) = shown["content"][0]["text"]["annotations"]
    assert note["file_citation"] == {"quote": "", "file_id": "f"}
    assert shown["metadata"] == {"type": "file_search"}
    function = {"type": "function", "function": {"parameters": {"type": "file_search"}}}
    assert as_v1({"object": "thread.run", "tools": [function]})["tools"] == [function]
