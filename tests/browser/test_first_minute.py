"""What somebody sees who opens the playground for the first time."""

from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.upstream import Upstream

_CHART = """
import pandas as pd
table = pd.read_csv("/mnt/data/sales.csv")
table.groupby("region").revenue.sum().plot.bar();
"""


def test_the_link_signs_in_and_leaves_no_key_in_the_address(open_page: OpenPage) -> None:
    page = open_page()
    expect(page.get_by_role("button", name="New thread")).to_be_visible()
    assert "key" not in page.url


def test_who_has_no_key_is_asked_for_it(open_page: OpenPage) -> None:
    page = open_page(key=None)
    expect(page.get_by_label("API key")).to_be_visible()


def test_an_example_shows_its_chart(open_page: OpenPage, upstream: Upstream) -> None:
    upstream.code(_CHART)
    upstream.say("The East sells best.")
    page = open_page()
    page.get_by_role("button", name="Chart the revenue").click()
    expect(page.get_by_text("The East sells best.")).to_be_visible()
    chart = page.locator("figure img").first
    expect(chart).to_be_visible()
    assert chart.evaluate("each => each.naturalWidth") > 0
