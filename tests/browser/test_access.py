"""What axe-core finds in the screens of the pages: nothing serious, in either theme, wide and on a telephone."""

from pathlib import Path

import pytest
from openai import OpenAI
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.live.server import Server
from tests.live.tenants import new_admin_key
from tests.upstream import Upstream

_AXE = Path(__file__).parents[2] / "ui/node_modules/axe-core/axe.min.js"
_CHART = "import matplotlib.pyplot as plt\nprint('drawn')\nplt.plot([1, 3, 2]); plt.show()"
_ANSWER = "See **bold**, `code`, [a site](https://example.org).\n\n| a | b |\n|---|---|\n| 1 | 2 |"

pytestmark = pytest.mark.skipif(
    not _AXE.exists(), reason="axe-core is not here (make ui brings the packages of ui/)"
)


@pytest.fixture(params=[(1280, False), (375, True)], ids=["wide-light", "telephone-dark"])
def form(request: pytest.FixtureRequest) -> tuple[int, bool]:
    """The width of the window, and whether it is dark."""
    return request.param


def check(page: Page, screen: str) -> None:
    """Demand that nothing serious is wrong with what the page shows now."""
    page.evaluate(_AXE.read_text())  # as a debugger does, whom the page's policy does not bind
    found = page.evaluate("async () => (await axe.run()).violations")
    serious = [
        f"{screen}: {each['help']}: {each['nodes'][0]['html']}"
        for each in found
        if each["impact"] in {"serious", "critical"}
    ]
    assert serious == []


def test_the_screens_of_the_playground_can_be_used_by_everybody(
    open_page: OpenPage, upstream: Upstream, client: OpenAI, form: tuple[int, bool]
) -> None:
    width, dark = form
    gate = open_page(key=None, width=width, dark=dark)
    expect(gate.get_by_label("API key")).to_be_visible()
    check(gate, "gate")
    page = open_page(width=width, dark=dark)
    example = page.get_by_role("button", name="Chart the revenue")
    expect(example).to_be_visible()
    check(page, "empty thread")
    upstream.code(_CHART)
    upstream.say(_ANSWER)
    example.click()
    expect(page.get_by_role("cell", name="2")).to_be_visible()
    expect(page.locator("figure img")).to_be_visible()
    page.locator(".code-call summary").click()
    check(page, "transcript")
    if width < 720:
        page.get_by_role("button", name="Steps", exact=True).click()
    expect(page.get_by_role("list", name="Where the time went")).to_be_visible()
    check(page, "steps")
    page.get_by_role("button", name="Edit the assistant").click()
    expect(page.get_by_role("region", name="Assistant")).to_be_visible()
    check(page, "assistant")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Edit the assistant")).to_be_focused()
    store = client.vector_stores.create(name="Handbooks")
    page.evaluate("id => { location.hash = `#/stores/${id}`; }", store.id)
    expect(page.get_by_role("heading", name="Handbooks")).to_be_visible()
    check(page, "vector store")
    client.vector_stores.delete(store.id)


def test_the_page_of_operators_can_be_used_by_everybody(
    open_page: OpenPage, server: Server, form: tuple[int, bool]
) -> None:
    width, dark = form
    page = open_page("operator", key=new_admin_key(server), width=width, dark=dark)
    expect(page.get_by_role("heading", name="Servers")).to_be_visible()
    check(page, "operator page")
