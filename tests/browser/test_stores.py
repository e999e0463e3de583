"""Vector stores in the page, and citations that show where an answer is from."""

from openai import OpenAI
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage, ask
from tests.browser.test_second_door import begin
from tests.sandbox.extraction import documents
from tests.upstream import Upstream

_PAGES = (
    "The museum was founded in 1923. It keeps forty thousand pieces of pottery and bronze.",
    "Tickets. A ticket for grown-ups costs 15 euros. A ticket for students costs 8 euros.",
)
_NAME = "__guide__.pdf"  # no mark of Markdown in a name may break a citation
_QUERY = {"queries": ["What does a ticket for students cost?"]}


def make_store(client: OpenAI) -> str:
    """A store with the guide, indexed."""
    store = client.vector_stores.create(name="Museum")
    attached = client.vector_stores.files.upload_and_poll(
        vector_store_id=store.id, file=(_NAME, documents.pdf(_PAGES)), poll_interval_ms=100
    )
    assert attached.status == "completed", attached.last_error
    return store.id


def expect_passage(page: Page) -> None:
    """The open passage is the page of the guide with the price, its sentence marked."""
    passage = page.get_by_role("dialog", name="Source")
    expect(passage.get_by_text(_NAME)).to_be_visible()
    expect(passage.get_by_text("page 2")).to_be_visible()
    expect(passage.locator("mark")).to_have_text("A ticket for students costs 8 euros.")


def test_a_store_is_made_filled_searched_and_deleted(open_page: OpenPage, client: OpenAI) -> None:
    page = open_page()
    page.get_by_role("link", name="Vector stores").click()
    page.get_by_role("textbox", name="Name").fill("Travel")
    page.get_by_label("Expires after").fill("7")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", name="Travel")).to_be_visible()
    page.get_by_label("Add files").set_input_files(
        [
            {"name": _NAME, "mimeType": "application/pdf", "buffer": documents.pdf(_PAGES)},
            {"name": "broken.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4 broken"},
        ]
    )
    good = page.get_by_role("listitem").filter(has_text=_NAME)
    expect(good.get_by_text("completed")).to_be_visible(timeout=20_000)
    bad = page.get_by_role("listitem").filter(has_text="broken.pdf")
    expect(bad.get_by_text("failed")).to_be_visible(timeout=20_000)
    expect(bad.get_by_text("could not be parsed")).to_be_visible()
    page.get_by_label("Search in this store").fill("price for students")
    page.get_by_label("Search in this store").press("Enter")
    expect(page.get_by_text("page 2")).to_be_visible()
    expect(page.get_by_text("score 0.")).to_be_visible()
    page.get_by_role("button", name="Remove broken.pdf").click()
    expect(bad).to_have_count(0)

    store_id = page.url.rsplit("/", 1)[1]
    store = client.vector_stores.retrieve(store_id)
    assert store.expires_after is not None
    assert store.expires_after.days == 7
    page.get_by_role("button", name="Delete this store").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("heading", name="Vector stores")).to_be_visible()
    assert store_id not in {each.id for each in client.vector_stores.list()}


def test_a_citation_of_a_thread_shows_its_passage(
    open_page: OpenPage, client: OpenAI, upstream: Upstream
) -> None:
    assistant = client.beta.assistants.create(
        model="gpt-4o",
        tools=[{"type": "file_search"}],
        tool_resources={"file_search": {"vector_store_ids": [make_store(client)]}},
    )
    upstream.function("file_search", _QUERY)
    upstream.say("A ticket for students costs 8 euros", f"【4:0†{_NAME}】", ".")
    thread = client.beta.threads.create(messages=[{"role": "user", "content": "And for students?"}])
    run = client.beta.threads.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id)
    assert run.status == "completed"
    page = open_page()
    page.goto(f"{page.url.split('#')[0]}#/{thread.id}")
    source = page.get_by_role("button", name="Source 1")
    source.focus()
    page.keyboard.press("Enter")
    expect_passage(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(source).to_be_focused()
    page.get_by_text("Search 1 result").click()
    expect(page.get_by_text("page 2")).to_be_visible()


def test_a_citation_of_a_response_shows_its_passage(
    open_page: OpenPage, client: OpenAI, upstream: Upstream
) -> None:
    make_store(client)
    upstream.function("file_search", _QUERY)
    upstream.say("🎟 A ticket for students costs 8 euros", f"【4:0†{_NAME}】", ".")
    page = begin(open_page)
    page.get_by_label("Search in").select_option(label="Museum")
    ask(page, "And for students?")
    source = page.get_by_role("button", name="Source 1")
    expect(source).to_be_visible(timeout=20_000)
    expect(page.get_by_text("🎟 A ticket")).to_have_text("🎟 A ticket for students costs 8 euros1.")
    source.click()
    expect_passage(page)
