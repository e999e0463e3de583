"""The assistant's form: tried before it is saved; and what one asks of a run beside the question."""

from openai import OpenAI
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage, ask
from tests.upstream import Upstream


def open_form(page: Page) -> Page:
    """Return the page with the form open, for an assistant that this test makes."""
    page.get_by_role("button", name="New assistant").click()
    expect(page.get_by_role("region", name="Assistant")).to_be_visible()
    return page


def test_a_change_is_tried_before_it_is_saved(
    open_page: OpenPage, upstream: Upstream, client: OpenAI
) -> None:
    upstream.say("Arr, a first answer.")
    upstream.say("Arr, a second answer.")
    page = open_form(open_page())
    page.get_by_label("Name", exact=True).fill("Pirate")
    page.get_by_role("button", name="Make the assistant").click()
    expect(page.get_by_role("region", name="Assistant").get_by_text("asst_")).to_be_visible()
    page.get_by_label("Instructions", exact=False).first.fill("Speak like a pirate.")
    expect(page.get_by_text("The next runs use these changes")).to_be_visible()
    ask(page, "Who are you?", "Arr, a first answer.")
    assert "Speak like a pirate." in str(upstream.requests[-1].body["messages"][0])
    (saved,) = [each for each in client.beta.assistants.list() if each.name == "Pirate"]
    assert saved.instructions is None
    page.get_by_role("button", name="Save to assistant").click()
    expect(page.get_by_text("The next runs use these changes")).to_be_hidden()
    assert client.beta.assistants.retrieve(saved.id).instructions == "Speak like a pirate."
    page.get_by_role("button", name="Delete this assistant").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("button", name="Pirate", exact=True)).to_be_hidden()


def test_a_schema_is_checked_while_it_is_typed(open_page: OpenPage, client: OpenAI) -> None:
    page = open_form(open_page())
    page.get_by_role("button", name="Add a function").click()
    form = page.locator("details")
    form.get_by_label("Name", exact=True).fill("weather")
    schema = form.get_by_label("JSON schema")
    for typed, fault in (
        ('{"type": "object"', "This is no JSON yet"),
        ('{"type": "array"}', "The parameters are an object"),
        ('{"type": "object", "properties": {"a": {"type": "text"}}}', "At /a: there is no type"),
        ('{"type": "object", "required": ["b"]}', "required names b"),
    ):
        schema.fill(typed)
        expect(form.get_by_role("status")).to_contain_text(fault)
        expect(schema).to_have_attribute("aria-invalid", "true")
    schema.fill('{"type": "object", "properties": {"city": {"type": "string"}}}')
    expect(form.get_by_role("status")).to_have_text("The schema is right.")
    page.get_by_label("Name", exact=True).first.fill("Weather man")
    page.get_by_role("button", name="Make the assistant").click()
    expect(page.get_by_role("region", name="Assistant").get_by_text("asst_")).to_be_visible()
    (made,) = [each for each in client.beta.assistants.list() if each.name == "Weather man"]
    functions = [each.function for each in made.tools if each.type == "function"]
    assert functions[0].parameters == {
        "type": "object",
        "properties": {"city": {"type": "string"}},
    }
    client.beta.assistants.delete(made.id)


def test_options_of_the_run_go_with_it(
    open_page: OpenPage, upstream: Upstream, client: OpenAI
) -> None:
    upstream.say("Short.")
    page = open_page()
    page.get_by_role("button", name="Options of the run").click()
    page.get_by_label("Additional instructions").fill("Be short.")
    page.get_by_role("combobox", name="Tool").select_option("none")
    page.get_by_label("Most tokens").fill("300")
    expect(page.get_by_text("Options: instructions, tool, tokens")).to_be_visible()
    ask(page, "What is this?", "Short.")
    thread = page.url.split("/")[-1]
    (run,) = client.beta.threads.runs.list(thread).data
    assert "Be short." in run.instructions
    assert run.tool_choice == "none"
    assert run.max_completion_tokens == 300
