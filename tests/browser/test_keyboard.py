"""The page without a mouse, and on a narrow window."""

import re

import pytest
from openai import OpenAI
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.live.server import Server
from tests.live.tenants import new_project
from tests.upstream import Upstream


def ready(page: Page) -> Page:
    """Return the page as soon as it listens to keys."""
    expect(page.get_by_role("main")).to_be_visible()
    return page


def test_the_palette_finds_an_action_by_some_letters(open_page: OpenPage) -> None:
    page = ready(open_page())
    page.keyboard.press("Control+k")
    field = page.get_by_role("combobox", name="Go to")
    expect(field).to_be_focused()
    field.fill("swthe")
    page.keyboard.press("Enter")
    expect(field).to_be_hidden()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")


def test_a_conversation_needs_no_mouse(open_page: OpenPage, upstream: Upstream) -> None:
    upstream.say("Typed back.")
    page = ready(open_page())
    page.keyboard.press("/")
    expect(page.get_by_role("textbox", name="Ask")).to_be_focused()
    page.keyboard.type("All by keys.")
    page.keyboard.press("Enter")
    expect(page.locator(".entries").get_by_text("Typed back.")).to_be_visible()
    page.get_by_role("textbox", name="Ask").blur()
    page.keyboard.press("n")
    expect(page.locator(".message")).to_have_count(0)
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Go to")).to_be_focused()
    page.keyboard.type("all by keys")
    page.keyboard.press("Enter")
    expect(page.locator(".entries").get_by_text("Typed back.")).to_be_visible()


def test_a_page_is_dark_where_the_machine_is(open_page: OpenPage) -> None:
    page = ready(open_page(dark=True))
    expect(page.locator("body")).to_have_css("background-color", "rgb(22, 24, 28)")
    page.emulate_media(color_scheme="light")
    expect(page.locator("body")).to_have_css("background-color", "rgb(255, 255, 255)")


def test_the_theme_is_kept(open_page: OpenPage) -> None:
    page = ready(open_page())
    root = page.locator("html")
    expect(root).to_have_attribute("data-theme", "system")
    page.keyboard.press("d")
    page.keyboard.press("d")
    expect(root).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(root).to_have_attribute("data-theme", "dark")


def test_letters_in_a_field_are_only_letters(open_page: OpenPage) -> None:
    page = ready(open_page())
    page.keyboard.press("/")
    field = page.get_by_role("textbox", name="Ask")
    expect(field).to_be_focused()
    page.keyboard.type("d?e")
    expect(field).to_have_value("d?e")
    expect(page.locator("html")).to_have_attribute("data-theme", "system")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_a_question_mark_lists_the_keys(open_page: OpenPage) -> None:
    page = ready(open_page())
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys of this page")
    expect(keys).to_contain_text("New thread")
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()


@pytest.mark.parametrize(("width", "is_beside"), [(1280, True), (900, False)])
def test_e_shows_and_hides_what_is_behind_the_thread(
    open_page: OpenPage, width: int, *, is_beside: bool
) -> None:
    page = ready(open_page(width=width))
    behind = page.get_by_role("complementary", name="Behind the thread")
    expect(behind).to_be_visible(visible=is_beside)
    page.keyboard.press("e")
    expect(behind).to_be_visible(visible=not is_beside)


def test_a_telephone_shows_one_pane_at_a_time(open_page: OpenPage, upstream: Upstream) -> None:
    upstream.say("In one hand.")
    page = ready(open_page(width=375))
    threads = page.get_by_role("navigation", name="Threads")
    expect(threads).to_be_hidden()
    bar = page.get_by_role("navigation", name="Panes")
    bar.get_by_role("button", name="Threads").click()
    expect(threads).to_be_visible()
    expect(page.get_by_role("main")).to_be_hidden()
    threads.get_by_role("button", name="New thread").click()
    expect(page.get_by_role("main")).to_be_visible()
    page.get_by_role("textbox", name="Ask").fill("Where am I?")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator(".entries").get_by_text("In one hand.")).to_be_visible()
    bar.get_by_role("button", name="Steps").click()
    expect(page.get_by_role("complementary", name="Behind the thread")).to_be_visible()
    expect(page.get_by_role("main")).to_be_hidden()
    bar.get_by_role("button", name="Chat").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    for button in page.get_by_role("button").all():
        box = button.bounding_box()
        assert box is None or (box["height"] >= 44 and box["width"] >= 44), button.inner_text()


def test_everything_can_be_reached_by_tab(open_page: OpenPage, server: Server) -> None:
    _, key = new_project(server, "tabs")  # whose lists are short
    page = ready(open_page(key=key))
    reached = set[str]()
    for _ in range(120):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                "() => document.activeElement.getAttribute('aria-label') || document.activeElement.innerText"
            )
        )
    shown = {
        button.get_attribute("aria-label") or button.inner_text()
        for button in page.get_by_role("button").all()
    }
    assert not {name for name in shown if not re.search(r"\w", name)}, "a button has no name"
    assert shown - reached == set()


def test_deleting_a_thread_asks_and_keeps_the_focus(open_page: OpenPage, server: Server) -> None:
    _, key = new_project(server, "focus")
    with OpenAI(base_url=server.url, api_key=key) as client:
        client.beta.threads.create(metadata={"title": "Kept"})
    page = ready(open_page(key=key))
    page.get_by_role("link", name="Kept").focus()
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Delete", exact=True)).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Kept")).to_be_focused()


def test_the_palette_puts_what_was_typed_before_what_is_alike(open_page: OpenPage) -> None:
    page = ready(open_page())
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Go to").fill("assistant")
    options = page.get_by_role("listbox").get_by_role("option")
    expect(options.first).to_have_text("Edit the assistant")
