"""A conversation as it is seen: code, logs, pictures, text, functions, while a run goes on and afterwards."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from openai import OpenAI
from openai.types.beta import Assistant
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage, ask
from tests.upstream import Code, Function, Gate, Upstream, call_answer

_CHART = """
import matplotlib.pyplot as plt
plt.plot([1, 2, 3], [2, 5, 3])
plt.title("Three points")
plt.show()
"""
_LOOP = f"for number in range(30):  # {'a long line ' * 30}\n    print('line', number)"
_SLOW = 20_000  # ms: a session is started


@pytest.fixture
def assistant(client: OpenAI) -> Iterator[Assistant]:
    """The newest assistant, which the page chooses, with a function beside the code."""
    function = {"name": "get_weather", "parameters": {"type": "object", "properties": {}}}
    made = client.beta.assistants.create(
        model="gpt-4o",
        name="Forecaster",
        tools=[{"type": "code_interpreter"}, {"type": "function", "function": function}],
    )
    yield made
    client.beta.assistants.delete(made.id)


def thread_of(page: Page) -> str:
    """The id of the thread that is open."""
    return page.url.split("#/")[1].split("/")[0]


def end_of(page: Page) -> Locator:
    """The end of the last run."""
    return page.locator(".run-end").last


def test_code_is_seen_before_it_is_whole_and_folds_when_it_is_done(
    open_page: OpenPage, upstream: Upstream
) -> None:
    answer = call_answer(Code(_LOOP), pieces=4)
    gate = Gate()
    answer.steps.insert(4, gate)
    upstream.add(answer)
    upstream.say("Counted.")
    page = open_page()
    ask(page, "Count.")
    code = page.locator(".code-call details")
    expect(code.locator("pre")).to_contain_text("for number")
    expect(code).to_have_attribute("open", "")
    expect(page.get_by_role("button", name="Stop")).to_be_in_viewport(ratio=1)
    entries = page.locator(".entries")
    assert entries.evaluate("each => each.scrollWidth <= each.parentElement.clientWidth")
    gate.release()
    expect(page.locator(".entries").get_by_text("Counted.")).to_be_visible(timeout=_SLOW)
    expect(code).not_to_have_attribute("open", "")
    logs = page.locator(".code-call .long-text")
    expect(logs).to_contain_text("line 11")
    expect(logs).not_to_contain_text("line 12")
    logs.get_by_role("button", name="Show all (30 lines)").click()
    expect(logs).to_contain_text("line 29")


def test_a_picture_is_zoomed_moved_and_saved_as_it_was_made(
    open_page: OpenPage, upstream: Upstream, client: OpenAI, tmp_path: Path
) -> None:
    upstream.code(_CHART)
    upstream.say("Here it is.")
    page = open_page()
    ask(page, "Draw.")
    expect(page.locator(".entries").get_by_text("Here it is.")).to_be_visible(timeout=_SLOW)
    expect(page.locator("figure.picture")).to_have_count(1)
    page.get_by_role("button", name="Enlarge").click()
    picture = page.locator("dialog img")
    before = picture.bounding_box()
    assert before
    page.keyboard.press("+")
    expect(page.get_by_role("button", name="Zoom to fit")).to_have_text("125 %")
    page.mouse.move(600, 400)
    page.mouse.wheel(0, -100)
    expect(page.get_by_role("button", name="Zoom to fit")).to_have_text("156 %")
    page.mouse.down()
    page.mouse.move(700, 450)
    page.mouse.up()
    after = picture.bounding_box()
    assert after
    assert after["width"] > before["width"] * 1.5
    page.keyboard.press("-")
    page.keyboard.press("0")
    expect(page.get_by_role("button", name="Zoom to fit")).to_have_text("100 %")
    with page.expect_download() as saving:
        page.locator("dialog").get_by_role("button", name="Download").click()
    saved = tmp_path / "saved.png"
    saving.value.save_as(saved)
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    [step, *_] = [
        each
        for run in client.beta.threads.runs.list(thread_of(page))
        for each in client.beta.threads.runs.steps.list(
            run.id, thread_id=thread_of(page), order="asc"
        )
    ]
    assert step.step_details.type == "tool_calls"
    call = step.step_details.tool_calls[0]
    assert call.type == "code_interpreter"
    [image] = [each for each in call.code_interpreter.outputs if each.type == "image"]
    assert image.image
    assert image.image.file_id
    made = client.files.content(image.image.file_id).read()
    assert hashlib.sha256(saved.read_bytes()).digest() == hashlib.sha256(made).digest()


def test_failed_code_says_first_what_went_wrong(open_page: OpenPage, upstream: Upstream) -> None:
    upstream.code("1 / 0")
    upstream.code("print('better')")
    upstream.say("Done.")
    page = open_page()
    ask(page, "Divide.")
    expect(page.locator(".entries").get_by_text("Done.", exact=True)).to_be_visible(timeout=_SLOW)
    calls = page.locator(".code-call")
    expect(calls.nth(0).locator(".failure")).to_have_text("ZeroDivisionError: division by zero")
    expect(calls.nth(0).locator(".state")).to_contain_text("failed")
    expect(calls.nth(1).locator(".state")).to_contain_text("done")


def test_files_are_linked_whatever_the_text_says(
    open_page: OpenPage, upstream: Upstream, tmp_path: Path
) -> None:
    upstream.code(
        "open('/mnt/data/result.csv', 'w').write('a,b\\n1,2\\n');"
        "open('/mnt/data/untold.txt', 'w').write('Nobody speaks of it.');"
    )
    upstream.say(
        "See [the table](sandbox:/mnt/data/result.csv) and [another](sandbox:/mnt/data/none.csv)."
    )
    page = open_page()
    ask(page, "Write it.")
    link = page.locator(".markdown").get_by_role("button", name="the table")
    expect(link).to_be_visible(timeout=_SLOW)
    expect(page.locator(".markdown s")).to_have_text("another")
    expect(page.locator(".files").get_by_role("button", name="result.csv")).to_be_visible()
    expect(page.locator(".files").get_by_role("button", name="untold.txt")).to_be_visible()
    with page.expect_download() as saving:
        link.click()
    saving.value.save_as(tmp_path / "saved")
    assert saving.value.suggested_filename == "result.csv"
    assert (tmp_path / "saved").read_text() == "a,b\n1,2\n"


def test_a_table_is_sorted_by_a_click_and_shows_two_hundred_rows(
    open_page: OpenPage, upstream: Upstream
) -> None:
    rows = "\n".join(f"| {number} | row {number} |" for number in range(300))
    upstream.say(f"| number | name |\n|---|---|\n{rows}")
    page = open_page()
    ask(page, "A table.")
    expect(page.locator(".table tbody tr")).to_have_count(200)
    expect(page.locator(".entries").get_by_text("200 of 300 rows")).to_be_visible()
    page.get_by_role("button", name="number").click()
    page.get_by_role("button", name="number").click()
    expect(page.locator(".table tbody td").first).to_have_text("299")


def test_the_newest_stays_in_sight_until_the_reader_scrolls_up(
    open_page: OpenPage, upstream: Upstream
) -> None:
    long = "\n\n".join(f"Paragraph {number}." for number in range(60))
    gate = upstream.hold(long, "\n\nThe middle.", "\n\nThe end.", after=2)
    page = open_page()
    ask(page, "Talk.")
    expect(page.locator(".entries").get_by_text("The middle.")).to_be_in_viewport()
    page.mouse.move(700, 300)
    page.mouse.wheel(0, -600)
    newest = page.get_by_role("button", name="newest")
    expect(newest).to_be_visible()
    gate.release()
    expect(end_of(page)).to_have_attribute("data-status", "completed")
    expect(page.locator(".entries").get_by_text("The end.")).not_to_be_in_viewport()
    newest.click()
    expect(page.locator(".entries").get_by_text("The end.")).to_be_in_viewport()


def test_functions_are_answered_by_hand(
    open_page: OpenPage, upstream: Upstream, assistant: Assistant
) -> None:
    for _ in range(2):
        upstream.function("get_weather", {"city": "Paris"})
        upstream.say("It rains.")
    page = open_page()
    ask(page, "The weather?")
    form = page.get_by_role("form", name="Functions that wait for you")
    expect(form.locator("pre")).to_contain_text('"city": "Paris"')
    expect(form).to_contain_text("The run expires in")
    submit = form.get_by_role("button", name="Submit")
    expect(submit).to_be_disabled()
    form.get_by_label("Answers are JSON").check()
    form.get_by_label("Answer of get_weather").fill("rain")
    expect(form).to_contain_text("This is no JSON.")
    expect(submit).to_be_disabled()
    form.get_by_label("Answer of get_weather").fill('{"sky": "rain"}')
    submit.click()
    expect(page.locator(".entries").get_by_text("It rains.")).to_be_visible()
    assert upstream.last.messages[-1]["content"] == '{"sky": "rain"}'
    ask(page, "And now?")
    form.get_by_role("button", name="Reuse the last answer").click()
    expect(form.get_by_label("Answer of get_weather")).to_have_value('{"sky": "rain"}')
    submit.click()
    expect(page.locator(".entries").get_by_text("It rains.")).to_have_count(2)
    page.locator("summary", has_text="get_weather").first.click()
    expect(page.locator("details.call").first).to_contain_text('{"sky": "rain"}')
    assert assistant.name
    expect(page.locator(".run-head").first).to_contain_text(assistant.name)


@pytest.mark.usefixtures("assistant")
def test_two_functions_are_answered_together(open_page: OpenPage, upstream: Upstream) -> None:
    cities = ("Paris", "Rome")
    upstream.call(*(Function("get_weather", {"city": city}) for city in cities))
    upstream.say("It rains in one of them.")
    page = open_page()
    ask(page, "The weather?")
    form = page.get_by_role("form", name="Functions that wait for you")
    answers = form.get_by_label("Answer of get_weather")
    expect(answers).to_have_count(2)
    answers.nth(0).fill("rain")
    expect(form.get_by_role("button", name="Submit")).to_be_disabled()
    answers.nth(1).fill("sun")
    form.get_by_role("button", name="Submit").click()
    expect(page.locator(".entries").get_by_text("It rains in one of them.")).to_be_visible()
    assert [each["content"] for each in upstream.last.messages[-2:]] == ["rain", "sun"]


def test_a_reload_goes_on_with_what_runs(open_page: OpenPage, upstream: Upstream) -> None:
    gate = upstream.hold("The beginning", " and the end.")
    page = open_page()
    ask(page, "Tell me.")
    expect(page.locator(".entries").get_by_text("The beginning")).to_be_visible()
    page.reload()
    expect(end_of(page)).to_have_attribute("data-status", "in_progress")
    gate.release()
    expect(page.locator(".entries").get_by_text("The beginning and the end.")).to_be_visible()
    expect(end_of(page)).to_have_attribute("data-status", "completed")


def test_an_answer_is_made_again_in_the_same_thread(
    open_page: OpenPage, upstream: Upstream, client: OpenAI
) -> None:
    upstream.say("First.")
    upstream.say("Second.")
    page = open_page()
    ask(page, "Say something.")
    expect(page.locator(".entries").get_by_text("First.")).to_be_visible()
    page.get_by_role("button", name="Retry").click()
    expect(page.locator(".entries").get_by_text("Second.")).to_be_visible()
    assert len(client.beta.threads.runs.list(thread_of(page)).data) == 2
    assert len(client.beta.threads.messages.list(thread_of(page)).data) == 3


def test_a_message_is_edited_into_a_new_thread(
    open_page: OpenPage, upstream: Upstream, client: OpenAI
) -> None:
    upstream.say("One.")
    upstream.say("Two.")
    upstream.say("Three.")
    page = open_page()
    ask(page, "The first.")
    expect(page.locator(".entries").get_by_text("One.")).to_be_visible()
    ask(page, "The second.")
    expect(page.locator(".entries").get_by_text("Two.")).to_be_visible()
    before = thread_of(page)
    message = page.locator(".message.user", has_text="The second.")
    message.hover()
    message.get_by_role("button", name="Edit").click()
    page.get_by_role("textbox", name="Edit").fill("Another second.")
    page.get_by_role("button", name="Send in a new thread").click()
    expect(page.locator(".entries").get_by_text("Three.")).to_be_visible()
    assert thread_of(page) != before
    messages = client.beta.threads.messages.list(thread_of(page), order="asc")
    texts = [part.text.value for each in messages for part in each.content if part.type == "text"]
    assert texts == ["The first.", "One.", "Another second.", "Three."]
    assert len(client.beta.threads.messages.list(before).data) == 4


@pytest.mark.parametrize("width", [1280, 375])
def test_a_long_line_widens_no_pane(
    open_page: OpenPage, upstream: Upstream, assistant: Assistant, *, width: int
) -> None:
    upstream.function("get_weather", {"note": "on and on " * 40})
    page = open_page(width=width)
    ask(page, "Go on.")
    expect(page.get_by_text("A function waits for its answer")).to_be_visible()
    page.locator("details.call summary").click()
    expect(page.locator("details.call pre")).to_be_visible()
    room = page.evaluate(
        "() => [document.querySelector('.chat').getBoundingClientRect().right,"
        " ...[...document.querySelectorAll('.card-note, .call, .composer, .message')]"
        ".map((each) => each.getBoundingClientRect().right)]"
    )
    assert max(room) == room[0]
