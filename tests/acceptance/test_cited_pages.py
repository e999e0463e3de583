"""A Chinese PDF is asked in Chinese and in English, and the right page of it is cited, at both doors."""

import io
from typing import Any

import pytest
from openai import OpenAI

from tests.acceptance.conftest import Ask
from tests.live import stream
from tests.live.wire import Wire
from tests.sandbox.extraction import documents
from tests.upstream import Upstream

NAME = "博物馆指南.pdf"
PAGES = (
    "博物馆指南。本馆建于一九二三年,收藏陶瓷、书画和青铜器共四万余件,常设展览分布在三个楼层。",
    "门票价格。成人票每张一百五十元,学生票每张八十元,六岁以下儿童免费入场,团体票须提前预订。",
    "开放时间。每天上午九点开门,下午五点闭馆,最后入场时间为下午四点半,每逢星期一闭馆休息。",
    "停车信息。地下停车场共有三百个车位,每小时收费十元,电动汽车可以在二号区域免费充电。",
    "餐厅与咖啡馆。一楼咖啡馆供应点心和饮料,三楼餐厅提供素食午餐,馆内其他地方禁止饮食。",
)
QUESTIONS = {
    "学生票多少钱?": 2,
    "How much is a ticket for students?": 2,
    "星期几闭馆休息?": 3,
    "On which day of the week is the museum closed?": 3,
    "停车场每小时收费多少?": 4,
    "What does parking cost for an hour?": 4,
    "哪里有素食午餐?": 5,
    "Where can I have a vegetarian lunch?": 5,
}


@pytest.fixture
def store_id(client: OpenAI) -> str:
    """A store with the guide, indexed."""
    store = client.vector_stores.create()
    attached = client.vector_stores.files.upload_and_poll(
        vector_store_id=store.id, file=(NAME, documents.pdf(PAGES)), poll_interval_ms=100
    )
    assert attached.status == "completed", attached.last_error
    return store.id


def test_a_search_names_the_page_that_answers_in_both_languages(
    client: OpenAI, store_id: str
) -> None:
    found = {
        question: client.vector_stores.search(store_id, query=question).data[0].to_dict()
        for question in QUESTIONS
    }
    assert {question: result["page"] for question, result in found.items()} == QUESTIONS
    assert set(found["学生票多少钱?"]) == {
        *("file_id", "filename", "score", "attributes", "page", "content"),
    }
    (file,) = client.vector_stores.files.list(store_id).data
    content = client.vector_stores.files.content(file.id, vector_store_id=store_id)
    assert [part.to_dict() for part in content] == [
        {"type": "text", "text": text, "page": number} for number, text in enumerate(PAGES, 1)
    ]


@pytest.mark.parametrize("question", QUESTIONS)
def test_an_answer_of_an_assistant_cites_the_page(
    ask: Ask, upstream: Upstream, store_id: str, question: str
) -> None:
    resources = {"file_search": {"vector_store_ids": [store_id]}}
    talk = ask(question, tools=[{"type": "file_search"}], tool_resources=resources)
    upstream.function("file_search", {"queries": [question]})
    upstream.say("在指南里", f"【4:0†{NAME}】", "。")
    events = talk.stream()
    assert f"【4:0†{NAME}】 page {QUESTIONS[question]}\n" in upstream.last.messages[-1]["content"]
    (note,) = [
        note for text in stream.text_deltas(events) for note in text["text"].get("annotations", ())
    ]
    cited = note["file_citation"]
    assert cited == {"file_id": cited["file_id"], "page": QUESTIONS[question], "quote": ""}
    (kept,) = talk.answer.content[0].text.annotations
    assert kept.file_citation.to_dict() == {
        "file_id": cited["file_id"],
        "page": QUESTIONS[question],
    }
    step = next(step for step in stream.data(events, "thread.run.step.completed"))
    (call,) = step["step_details"]["tool_calls"]
    assert call["file_search"]["results"][0]["page"] == QUESTIONS[question]


def test_an_answer_that_quotes_the_guide_is_given_the_page(
    ask: Ask, upstream: Upstream, store_id: str
) -> None:
    resources = {"file_search": {"vector_store_ids": [store_id]}}
    talk = ask("学生票多少钱?", tools=[{"type": "file_search"}], tool_resources=resources)
    upstream.function("file_search", {"queries": ["学生票多少钱?"]})
    upstream.say("成人票每张一百五十元,学生票每张八十元。")
    assert talk.run().status == "completed"
    (note,) = talk.answer.content[0].text.annotations
    assert note.file_citation.to_dict()["page"] == 2
    upstream.say(f"八十元【4:0†{NAME}】。")
    talk.say("再说一遍")  # what was found before is told, and may be cited, with its page
    assert talk.run().status == "completed"
    assert any(f"】 page {2}\n" in str(said["content"]) for said in upstream.last.messages)
    assert talk.answer.content[0].text.annotations[0].file_citation.to_dict()["page"] == 2


@pytest.mark.parametrize("question", ["星期几闭馆休息?", "Where can I have a vegetarian lunch?"])
def test_an_answer_of_the_responses_api_cites_the_page(
    client: OpenAI, upstream: Upstream, wire: Wire, store_id: str, question: str
) -> None:
    page = QUESTIONS[question]
    tool: Any = {"type": "file_search", "vector_store_ids": [store_id]}
    upstream.function("file_search", {"queries": [question]})
    upstream.say("在指南里", f"【4:0†{NAME}】", "。")
    asked: dict[str, Any] = {
        "model": "m",
        "tools": [tool],
        "include": ["file_search_call.results"],
    }
    response = client.responses.create(input=question, **asked)
    call, message = (item.to_dict() for item in response.output)
    assert call["results"][0]["page"] == page
    assert message["content"][0]["annotations"] == [
        {
            "type": "file_citation",
            "file_id": call["results"][0]["file_id"],
            "filename": NAME,
            "index": 4,
            "page": page,
        }
    ]
    upstream.say(f"在那里【4:0†{NAME}】")
    again = client.responses.create(input="哪里?", previous_response_id=response.id, **asked)
    assert again.output[0].to_dict()["content"][0]["annotations"][0]["page"] == page
    # Whoever keeps the items and sends them back has the page kept, too.
    upstream.say(f"在那里【4:0†{NAME}】")
    items: Any = [
        {"role": "user", "content": question},
        *(item.to_dict() for item in response.output),
        {"role": "user", "content": "哪里?"},
    ]
    sent_back = client.responses.create(input=items, store=False, **asked)
    assert sent_back.output[0].to_dict()["content"][0]["annotations"][0]["page"] == page


def test_a_file_without_pages_has_no_member_for_them(client: OpenAI) -> None:
    store = client.vector_stores.create()
    text = io.BytesIO("学生票每张八十元。".encode())
    attached = client.vector_stores.files.upload_and_poll(
        vector_store_id=store.id, file=("门票.txt", text), poll_interval_ms=100
    )
    (found,) = client.vector_stores.search(store.id, query="学生票").data
    assert "page" not in found.to_dict()
    content = client.vector_stores.files.content(attached.id, vector_store_id=store.id)
    assert [set(part.to_dict()) for part in content] == [{"type", "text"}]
