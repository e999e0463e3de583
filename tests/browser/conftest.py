"""A real browser, pointed at a live server; every page is judged at the end of its test."""

import shutil
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.live.server import API_KEY, Server

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

OpenPage = Callable[..., Page]

expect.set_options(timeout=20_000)  # of a machine with other tests beside


def ask(page: Page, question: str, answer: str = "") -> None:
    """Ask in the page, once nothing runs in it; where an answer is given, wait until it is seen."""
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_visible()
    field = page.get_by_role("textbox", name="Ask")
    field.fill(question)
    field.press("Enter")
    if answer:
        expect(page.get_by_role("main").get_by_text(answer)).to_be_visible()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium, without a window.

    It is closed when another package's tests begin: while Playwright lives it holds the event loop of the thread.
    """
    if CHROMIUM is None:
        pytest.skip("chromium is not installed (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[OpenPage]:
    """Opens the playground in a window of its own: `open_page()`, `open_page(key=None, width=375)`.

    The page is that of `at`, by default of the shared server. A request to another server, a dialog, or a script
    that the policy stopped fails the test.
    """
    complaints: list[str] = []
    contexts: list[BrowserContext] = []

    def watch(asked: str, own: str) -> None:
        parts = urlsplit(asked)
        if parts.scheme in {"http", "https"} and parts.netloc != own:
            complaints.append(f"a request to {parts.netloc}")

    def open_page(
        path: str = "playground/",
        *,
        key: str | None = API_KEY,
        width: int = 1280,
        height: int = 800,
        dark: bool = False,
        at: Server | None = None,
    ) -> Page:
        server: Server = at or request.getfixturevalue("server")
        origin = urlsplit(server.url)
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light"
        )
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda asked: watch(asked.url, origin.netloc))
        page.on("dialog", lambda dialog: complaints.append(f"a dialog: {dialog.message}"))
        page.on("pageerror", lambda error: complaints.append(f"an error: {error}"))
        page.on(
            "console",
            lambda said: complaints.append(said.text) if "Content Security" in said.text else None,
        )
        fragment = f"#key={key}" if key else ""
        page.goto(f"{origin.scheme}://{origin.netloc}/{path}{fragment}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not complaints
