"""How runs end, and what stands in the way of one: each is seen, with what to do about it."""

import json
import re
from collections.abc import Callable
from urllib.parse import urlsplit

from openai import OpenAI
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import OpenPage, ask
from tests.browser.test_chat import end_of, thread_of
from tests.live.fixtures import StartServer
from tests.live.server import API_KEY, Server
from tests.live.tenants import new_admin_key, new_project
from tests.upstream import Upstream

_SLOW = 30_000  # ms: a server is started again, or a lease runs out


def test_a_failed_run_says_why_and_is_tried_again(open_page: OpenPage, upstream: Upstream) -> None:
    upstream.error(400, "This model knows no tools.")
    upstream.say("Better.")
    page = open_page()
    ask(page, "Fail.")
    card = end_of(page)
    expect(card).to_have_attribute("data-status", "failed", timeout=_SLOW)
    expect(card).to_contain_text("The answer failed")
    expect(card).to_contain_text("This model knows no tools.")
    expect(card).to_contain_text("server_error")
    card.get_by_role("button", name="Retry").click()
    expect(page.locator(".entries").get_by_text("Better.")).to_be_visible()


def test_a_cancelled_run_keeps_what_was_said(open_page: OpenPage, upstream: Upstream) -> None:
    upstream.hold("The beginning", " and the end.")
    page = open_page()
    ask(page, "Tell me.")
    expect(page.locator(".entries").get_by_text("The beginning")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("textbox", name="Ask")).to_be_focused()
    expect(end_of(page)).to_have_attribute("data-status", "cancelled")
    expect(page.locator(".entries").get_by_text("The beginning")).to_be_visible()
    expect(end_of(page)).to_contain_text("Stopped")
    expect(page.locator(".sidebar [aria-current] .live")).to_have_count(0)
    expect(page.locator(".chat > [aria-live]")).to_have_text("Stopped")


def test_an_incomplete_answer_says_which_limit_it_reached(
    open_page: OpenPage, upstream: Upstream
) -> None:
    upstream.say("Half of", finish="length")
    page = open_page()
    ask(page, "Tell me.")
    expect(end_of(page)).to_have_attribute("data-status", "incomplete")
    expect(end_of(page)).to_contain_text("max_completion_tokens")
    expect(page.locator(".entries").get_by_text("Half of")).to_be_visible()


def test_an_expired_run_says_so(
    open_page: OpenPage, upstream: Upstream, start_server: StartServer
) -> None:
    upstream.hold("Slowly", " and more.")
    page = open_page(at=start_server(run_seconds=1))
    ask(page, "Tell me.")
    expect(end_of(page)).to_have_attribute("data-status", "expired", timeout=_SLOW)
    expect(end_of(page)).to_contain_text("The answer took too long")


def test_a_server_that_dies_is_waited_for_and_no_run_is_made_twice(
    open_page: OpenPage, upstream: Upstream, start_server: StartServer
) -> None:
    server = start_server(lease_seconds=1)
    upstream.hold("The beginning", " and the end.")
    page = open_page(at=server)
    ask(page, "Tell me.")
    expect(page.locator(".entries").get_by_text("The beginning")).to_be_visible()
    upstream.say("And again the end.")
    server.kill()
    banner = page.locator(".banner")
    expect(banner).to_contain_text("Connection lost; the run goes on.")
    expect(page.locator(".entries").get_by_text("The beginning")).to_be_visible()
    server.start(port=urlsplit(server.url).port or 0)
    expect(page.locator(".entries").get_by_text("And again the end.")).to_be_visible(timeout=_SLOW)
    expect(end_of(page)).to_have_attribute("data-status", "completed")
    expect(banner).to_have_count(0)
    expect(page.locator(".message.assistant")).to_have_text("And again the end.")  # only
    with OpenAI(base_url=server.url, api_key=API_KEY) as client:
        assert len(client.beta.threads.runs.list(thread_of(page)).data) == 1


def test_a_run_that_was_begun_unheard_is_found(
    open_page: OpenPage, upstream: Upstream, client: OpenAI
) -> None:
    upstream.say("I was heard.")
    page = open_page()
    made: list[str] = []

    def lose(route: Route) -> None:
        made.append(route.fetch().text())
        route.abort()

    _route_posts(page, "**/runs", lose)
    ask(page, "Do you hear?")
    expect(page.locator(".entries").get_by_text("I was heard.")).to_be_visible(timeout=_SLOW)
    assert len(made) == 1
    assert len(client.beta.threads.runs.list(thread_of(page)).data) == 1


def test_what_a_silent_server_did_not_take_is_sent_again_by_hand(
    open_page: OpenPage, upstream: Upstream, client: OpenAI
) -> None:
    upstream.say("First.")
    upstream.say("Second.")
    page = open_page()
    ask(page, "One.")
    expect(page.locator(".entries").get_by_text("First.")).to_be_visible()

    def lose(route: Route) -> None:
        route.fetch()  # it was heard all the same
        route.abort()

    _route_posts(page, "**/messages", lose)
    ask(page, "Two.")
    card = page.get_by_role("alert")
    expect(card).to_contain_text("The server does not answer.")
    expect(card).to_contain_text("Two.")
    page.unroute_all()
    card.get_by_role("button", name="Send again").click()
    expect(page.locator(".entries").get_by_text("Second.")).to_be_visible()
    assert len(client.beta.threads.messages.list(thread_of(page)).data) == 4


def test_a_rate_limit_is_counted_down_and_the_question_sent_by_itself(
    open_page: OpenPage, upstream: Upstream
) -> None:
    upstream.say("Now.")
    page = open_page()
    _refuse_runs(page, times=1, after=2)
    ask(page, "Quickly.")
    card = page.get_by_role("alert")
    expect(card).to_contain_text("exceeded the rate limit")
    expect(card).to_contain_text(re.compile(r"Sends by itself in \d s"))
    expect(page.locator(".entries").get_by_text("Now.")).to_be_visible()
    expect(page.locator(".message.user")).to_have_count(1)


def test_a_question_that_is_refused_twice_is_sent_by_hand(
    open_page: OpenPage, upstream: Upstream
) -> None:
    upstream.say("At last.")
    page = open_page()
    _refuse_runs(page, times=2, after=1)
    ask(page, "Quickly.")
    card = page.get_by_role("alert")
    expect(card).to_contain_text("Sends by itself")
    expect(card).not_to_contain_text("Sends by itself")
    expect(card).to_contain_text("exceeded the rate limit")
    card.get_by_role("button", name="Send again").click()
    expect(page.locator(".entries").get_by_text("At last.")).to_be_visible()


def test_a_thread_that_is_busy_leads_to_its_run_and_stops_it(
    open_page: OpenPage, upstream: Upstream, client: OpenAI
) -> None:
    upstream.say("Hello.")
    page = open_page()
    ask(page, "Hello?")
    expect(page.locator(".message.assistant")).to_have_text("Hello.")
    upstream.hold("Somebody else's", " answer.", when="From elsewhere.")
    client.beta.threads.messages.create(thread_of(page), role="user", content="From elsewhere.")
    assistant = client.beta.assistants.list(limit=1).data[0].id
    other = client.beta.threads.runs.create(thread_of(page), assistant_id=assistant)
    ask(page, "And now?")
    card = page.get_by_role("alert")
    expect(card).to_contain_text(f"while a run {other.id} is active")
    card.get_by_role("button", name="Show that run").click()
    expect(page).to_have_url(re.compile(other.id))
    card.get_by_role("button", name="Stop it").click()
    upstream.say("My answer.")
    card.get_by_role("button", name="Send again").click()
    expect(page.locator(".entries").get_by_text("My answer.")).to_be_visible()
    expect(page.locator(f"#{other.id}")).to_have_attribute("data-status", "cancelled")


def test_a_stream_that_is_given_up_is_read_step_by_step(
    open_page: OpenPage, upstream: Upstream
) -> None:
    gate = upstream.hold("The beginning", " and the end.")
    page = open_page()

    def cut(route: Route) -> None:
        asked = route.request.post_data_json | {"stream": False}
        run = json.dumps(route.fetch(post_data=json.dumps(asked)).json())
        error = {"message": "The stream was read too slowly.", "type": "server_error"}
        said = json.dumps({"error": error})
        body = f"event: thread.run.created\ndata: {run}\n\nevent: error\ndata: {said}\n\n"
        route.fulfill(status=200, content_type="text/event-stream", body=body)

    _route_posts(page, "**/runs", cut)
    ask(page, "Tell me.")
    expect(page.locator(".banner")).to_contain_text("The stream was given up")
    gate.release()
    expect(page.locator(".entries").get_by_text("The beginning and the end.")).to_be_visible()
    expect(page.locator(".banner")).to_have_count(0)


def test_a_revoked_key_leads_to_the_gate_and_the_draft_stays(
    open_page: OpenPage, upstream: Upstream, server: Server
) -> None:
    _, key = new_project(server, "leaving")
    page = open_page(key=key)
    expect(page.get_by_role("button", name="New thread")).to_be_visible()
    page.get_by_role("textbox", name="Ask").fill("Kept")
    page.route(
        "**/v1/**",
        lambda route: route.fulfill(
            status=401, json={"error": {"message": "Incorrect API key provided.", "type": "x"}}
        ),
    )
    page.get_by_role("button", name="Chart the revenue").click()
    expect(page.get_by_role("alert")).to_have_text("The server does not take this key.")
    page.unroute_all()
    page.get_by_label("API key").fill(API_KEY)
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("textbox", name="Ask")).to_have_value("Kept")


def test_a_key_that_was_never_made_is_refused_in_words(open_page: OpenPage) -> None:
    page = open_page(key="sk-assistd-mistyped")
    expect(page.get_by_role("alert")).to_contain_text("does not take this key")
    expect(page.get_by_label("API key")).to_be_focused()
    page.get_by_label("API key").fill(API_KEY)
    page.get_by_label("API key").press("Enter")
    expect(page.get_by_role("textbox", name="Ask")).to_be_visible()


def test_an_admin_key_leads_to_the_operator_page(open_page: OpenPage, server: Server) -> None:
    page = open_page(key=new_admin_key(server))
    expect(page.get_by_role("alert")).to_contain_text("This key opens the operator page.")
    expect(page.get_by_label("API key")).to_be_visible()
    page.get_by_role("link", name="Operator page").click()
    expect(page.get_by_role("heading", name="assistd operator")).to_be_visible()
    expect(page.get_by_text("Live sessions")).to_be_visible()


def test_a_model_that_writes_code_and_calls_for_none_is_told_of(
    open_page: OpenPage, upstream: Upstream
) -> None:
    upstream.say("Hello.")
    for _ in range(2):
        upstream.say("```python\nprint(1)\n```")
    page = open_page()
    ask(page, "Hello.")
    expect(page.locator(".message.assistant")).to_have_count(1)
    hint = page.locator(".entries").get_by_text("writes code into its answer")
    for number in range(2):
        expect(hint).to_have_count(0)
        ask(page, "Run it.")
        expect(page.locator(".message.assistant")).to_have_count(2 + number)
        expect(end_of(page)).to_have_attribute("data-status", "completed")
    expect(hint).to_be_visible()


def test_who_waits_for_a_session_sees_the_place_in_line(
    open_page: OpenPage, upstream: Upstream
) -> None:
    upstream.code("import time\ntime.sleep(3)")
    upstream.say("Done waiting.")
    page = open_page()
    waiting = {"queue_position": 3, "began_at": 0, "spans": [], "turns": []}
    page.route("**/timeline", lambda route: route.fulfill(json=waiting))
    ask(page, "Wait.")
    expect(
        page.locator(".entries").get_by_text("In line for a session, 3 before you")
    ).to_be_visible()
    expect(page.locator(".entries").get_by_text("Done waiting.")).to_be_visible(timeout=_SLOW)
    expect(page.locator(".entries").get_by_text("In line for a session")).to_have_count(0)


def _refuse_runs(page: Page, times: int, after: int) -> None:
    """Answer so many requests for a run as a project does that has made its requests."""
    error = {
        "message": "You've exceeded the rate limit, please slow down and try again later.",
        "type": "requests",
        "param": None,
        "code": "rate_limit_exceeded",
    }
    left = iter(range(times))

    def refuse(route: Route) -> None:
        if next(left, None) is not None:
            route.fulfill(status=429, headers={"retry-after": str(after)}, json={"error": error})
        else:
            route.continue_()

    _route_posts(page, "**/runs", refuse)


def _route_posts(page: Page, path: str, act: Callable[[Route], None]) -> None:
    """Have the page's POST requests to a path acted on; others go on."""
    page.route(
        path,
        lambda route: act(route) if route.request.method == "POST" else route.continue_(),
    )
