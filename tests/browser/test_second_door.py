"""A conversation of the Responses API in the page, shown as a thread is, with its container behind it."""

import re
from typing import Any

from openai import OpenAI
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage, ask
from tests.upstream import Function, Upstream

_PLOT = """
import pandas as pd
pd.Series([1, 3, 2]).plot();
open("/mnt/data/numbers.csv", "w").write("1\\n3\\n2\\n")
print("three numbers")
"""
_REFUSAL = {
    "error": {"message": "Not now.", "type": "invalid_request_error", "param": None, "code": None}
}


def begin(open_page: OpenPage, **options: Any) -> Page:
    """The page, ready to ask at the second door."""
    page = open_page(**options)
    page.get_by_role("link", name="Responses", exact=True).click()
    return page


def test_code_pictures_and_files_of_a_response_are_shown_as_those_of_a_run(
    open_page: OpenPage, upstream: Upstream
) -> None:
    upstream.code(_PLOT)
    upstream.say("Here: [the numbers](sandbox:/mnt/data/numbers.csv).")
    page = begin(open_page)
    ask(page, "Plot three numbers.")
    expect(page.get_by_text("Here:")).to_be_visible(timeout=20_000)
    expect(page).to_have_url(re.compile(r"#/conv_\w+$"))
    assert (
        page.locator("figure img").first.evaluate(
            "each => each.decode().then(() => each.naturalWidth)"
        )
        > 0
    )
    expect(page.locator(".long-text", has_text="three numbers")).to_be_visible()
    container = page.get_by_role("complementary", name="Container")
    expect(container.get_by_text("numbers.csv")).to_be_visible()
    expect(container.get_by_text("6 B · from code")).to_be_visible()
    expect(container.get_by_text("Expires")).to_be_visible()
    with page.expect_download() as download:
        container.get_by_role("button", name="numbers.csv").click()
    assert download.value.path().read_text() == "1\n3\n2\n"

    page.reload()  # the conversation is read from the API, and looks the same
    expect(page.get_by_role("button", name="the numbers")).to_be_visible()
    expect(page.locator("figure img").first).to_be_visible()
    expect(page.get_by_text("Plot three numbers.", exact=True).first).to_be_visible()


def test_a_conversation_goes_on_and_is_listed_in_this_browser(
    open_page: OpenPage, upstream: Upstream
) -> None:
    upstream.say("Red.")
    upstream.say("Blue.")
    page = begin(open_page)
    ask(page, "A colour?")
    expect(page.get_by_text("Red.")).to_be_visible()
    ask(page, "Another one?")
    expect(page.get_by_text("Blue.")).to_be_visible()
    assert [each["content"] for each in upstream.last.messages if each["role"] == "assistant"] == [
        "Red."
    ]
    page.get_by_role("button", name="New thread").click()
    page.get_by_role("link", name="A colour?").click()
    expect(page.get_by_text("Blue.")).to_be_visible()


def test_a_conversation_opens_by_its_id(open_page: OpenPage, client: OpenAI) -> None:
    made = client.conversations.create(
        items=[
            {"role": "user", "content": "From elsewhere", "type": "message"},
            {"role": "assistant", "content": "An old answer", "type": "message"},
        ]
    )
    page = open_page()
    page.get_by_role("link", name="Responses").click()
    page.get_by_label("Open a conversation by its id").fill(made.id)
    page.get_by_label("Open a conversation by its id").press("Enter")
    expect(page.get_by_text("An old answer")).to_be_visible()
    page.goto(page.url.replace(made.id, "conv_" + 48 * "0"))
    expect(page.get_by_role("alert")).to_contain_text("not found")


def test_a_response_goes_on_when_the_page_is_loaded_again(
    open_page: OpenPage, upstream: Upstream
) -> None:
    gate = upstream.hold("The first half", " and the second.")
    page = begin(open_page)
    ask(page, "Tell me.")
    expect(page.get_by_text("The first half")).to_be_visible()
    page.reload()
    expect(page.get_by_text("The first half")).to_be_visible()
    expect(page.locator(".message.user", has_text="Tell me.")).to_be_visible()
    gate.release()
    expect(page.get_by_text("The first half and the second.")).to_be_visible()
    expect(page.get_by_role("button", name="Send")).to_be_visible()


def test_a_response_is_stopped(open_page: OpenPage, upstream: Upstream) -> None:
    upstream.hold("The first half", " and the second.")
    page = begin(open_page)
    ask(page, "Tell me.")
    expect(page.get_by_text("The first half")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Send")).to_be_visible()


def test_a_question_that_was_refused_can_be_sent_again(
    open_page: OpenPage, upstream: Upstream
) -> None:
    upstream.say("Here I am.")
    page = begin(open_page)
    page.route("**/v1/responses", lambda route: route.fulfill(status=400, json=_REFUSAL))
    ask(page, "Are you there?")
    expect(page.get_by_role("alert")).to_contain_text("Not now.")
    page.unroute("**/v1/responses")
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_text("Here I am.")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.get_by_text("Are you there?", exact=True)).to_have_count(2)  # said, and its title


def test_functions_of_a_response_are_answered_by_hand(
    open_page: OpenPage, upstream: Upstream
) -> None:
    upstream.call(
        Function("get_weather", {"city": "Paris"}), Function("get_weather", {"city": "Rome"})
    )
    page = begin(open_page)
    page.get_by_role("button", name="Functions (0)").click()
    page.get_by_role("button", name="Add a function").click()
    page.get_by_role("dialog").get_by_label("Name").fill("get_weather")
    page.get_by_role("button", name="Close").click()
    ask(page, "Where is it warmer?")
    card = page.get_by_role("form", name="Functions that wait for you")
    expect(card).to_contain_text("2 functions wait for their answers")
    assert [each["function"]["name"] for each in upstream.last.body["tools"]][-1] == "get_weather"
    page.reload()  # they wait on
    for number, answer in enumerate(["19", "24"]):
        card.get_by_label("Answer of get_weather").nth(number).fill(answer)
    upstream.say("In Rome.")
    card.get_by_role("button", name="Submit").click()
    expect(page.get_by_text("In Rome.")).to_be_visible()
    expect(card).to_have_count(0)
    told = [each["content"] for each in upstream.last.messages if each["role"] == "tool"]
    assert told == ["19", "24"]


def test_the_session_of_a_conversation_and_its_price_are_shown(
    open_page: OpenPage, upstream: Upstream
) -> None:
    upstream.code("print(1)")
    upstream.say("It computed one.")
    page = begin(open_page)
    ask(page, "Compute.")
    expect(page.get_by_text("It computed one.")).to_be_visible(timeout=20_000)
    expect(page.get_by_role("timer")).to_contain_text("session live")
    expect(page.get_by_role("timer")).to_contain_text("$0.03")
    container = page.get_by_role("complementary", name="Container")
    bars = container.get_by_role("list", name="Where the time went")
    expect(bars.get_by_text("run code")).to_be_visible()
    page.get_by_role("button", name="New thread").click()
    expect(page.get_by_role("timer")).to_have_count(0)


def test_how_a_response_ended_is_told(open_page: OpenPage, upstream: Upstream) -> None:
    page = begin(open_page)
    upstream.error(400, "This model knows no tools.")
    ask(page, "Fail.")
    card = page.locator(".card-note")
    expect(card).to_contain_text("The answer failed")
    expect(card).to_contain_text("This model knows no tools.")
    upstream.say("Half of", finish="length")
    ask(page, "Be long.")
    expect(card).to_contain_text("max_output_tokens")
    upstream.hold("The beginning", " and the end.")
    ask(page, "Be slow.")
    expect(page.get_by_text("The beginning")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(card).to_contain_text("Stopped")
    bars = page.get_by_role("complementary").get_by_role("list", name="Where the time went")
    expect(bars.get_by_text("first token")).to_be_visible()
