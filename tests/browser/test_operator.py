"""The operator's page: what goes on, for admin keys only."""

import csv
import io
import re
import time
from pathlib import Path

import httpx
import pytest
from openai import OpenAI
from playwright.sync_api import Page, expect
from sqlalchemy import Connection, text

from assistd.db.transaction import transaction
from tests.acceptance.test_canaries import CANARY as WORD
from tests.acceptance.test_canaries import HEADERS, METADATA, finish, make_assistant, post
from tests.browser.conftest import OpenPage
from tests.live.fixtures import StartServer
from tests.live.server import Server
from tests.live.tenants import database_of, new_admin_key, new_project
from tests.upstream import Upstream

CANARY = "canary-9X"


def row(page: Page, section: str, *texts: str):
    """The row of a table that has all these texts."""
    found = page.get_by_role("region", name=section, exact=True).get_by_role("row")
    for each in texts:
        found = found.filter(has_text=each)
    return found


def test_an_operator_sees_a_session_a_run_and_a_project_at_its_limit(
    open_page: OpenPage, server: Server, upstream: Upstream
) -> None:
    _, key = new_project(server, "leafy", runs=1, sessions=5)
    with OpenAI(api_key=key, base_url=server.url) as client:
        assistant = client.beta.assistants.create(
            model="gpt-4o", name=CANARY, tools=[{"type": "code_interpreter"}]
        )
        thread = client.beta.threads.create(messages=[{"role": "user", "content": CANARY}])
        upstream.code(f"print('{CANARY}')")
        held = upstream.hold("a", "b")
        run = client.beta.threads.runs.create(thread.id, assistant_id=assistant.id)
        held.wait_reached()
        page = open_page("operator/", key=new_admin_key(server))
        expect(row(page, "Runs", run.id, "leafy", "in_progress")).to_be_visible()
        expect(row(page, "Sessions", thread.id, "leafy", "MiB")).to_be_visible()
        expect(row(page, "Projects", "leafy", "1 / 1 at its limit")).to_be_visible()
        assert CANARY not in page.content()
        page.get_by_role("searchbox").fill("no such run")
        expect(page.get_by_text("Nothing fits the filter.").first).to_be_visible()
        page.get_by_role("searchbox").fill("")
        held.release()
        client.beta.threads.runs.poll(run.id, thread_id=thread.id)
        expect(row(page, "Runs", run.id)).to_have_count(0)
        expect(row(page, "Projects", "leafy", "0 / 1")).to_be_visible()


def test_an_operator_sees_servers_walls_upstreams_and_the_keys_of_a_project(
    open_page: OpenPage, server: Server
) -> None:
    _, key = new_project(server, "keyed", requests=2)
    with OpenAI(api_key=key, base_url=server.url) as client:
        client.models.list()
        client.models.list()
    page = open_page("operator/", key=new_admin_key(server))
    expect(row(page, "Projects", "keyed", "2 / 2 at its limit")).to_be_visible()
    expect(row(page, "Servers", "answers").first).to_be_visible()
    expect(page.get_by_text("walls stand").first).to_be_visible()
    page.get_by_role("button", name="Ask now").click()
    expect(row(page, "Upstreams", "answers").first).to_be_visible()
    row(page, "Projects", "keyed").get_by_role("button", name="Keys").click()
    today = time.strftime("%Y-%m-%d", time.gmtime())
    expect(row(page, "Keys of keyed", f"sk-***{key[-4:]}").get_by_text(today)).to_have_count(2)
    expect(page.get_by_role("status")).to_contain_text("Refreshed")


@transaction(writes=True)
def make_reports_older(connection: Connection) -> None:
    connection.execute(text("UPDATE servers SET seen_at = seen_at - 60"))


def test_an_operator_sees_the_work_of_all_servers_of_a_database(
    open_page: OpenPage, start_server: StartServer, upstream: Upstream
) -> None:
    one = start_server(max_sessions=3)
    other = start_server(beside=one, max_sessions=4)
    _, key = new_project(one, "shared", runs=5)
    runs: list[str] = []
    for server in (one, other):
        upstream.code("print(1)")
        held = upstream.hold("a", "b")
        with OpenAI(api_key=key, base_url=server.url) as client:
            assistant = client.beta.assistants.create(
                model="gpt-4o", tools=[{"type": "code_interpreter"}]
            )
            run = client.beta.threads.create_and_run(
                assistant_id=assistant.id, thread={"messages": [{"role": "user", "content": "Go."}]}
            )
        held.wait_reached()
        runs.append(run.id)
    page = open_page("operator/", key=new_admin_key(one), at=one)
    expect(row(page, "Servers", "answers")).to_have_count(2)
    expect(row(page, "Sessions", "shared")).to_have_count(2)
    expect(row(page, "Projects", "shared", "2 / 5")).to_be_visible()
    expect(page.locator("dl.tiles")).to_contain_text("2 of 7")
    told = [row(page, "Runs", run_id).get_by_role("cell").last for run_id in runs]
    assert len({cell.inner_text() for cell in told}) == 2
    other.kill()
    with database_of(one) as database:
        database.run_sync(make_reports_older)  # it would be silent for that long before it is shown
    expect(row(page, "Servers", "silent for")).to_have_count(1)
    expect(row(page, "Sessions", "shared")).to_have_count(1)


def test_no_word_of_a_client_is_ever_on_the_page(
    open_page: OpenPage, server: Server, upstream: Upstream
) -> None:
    _, key = new_project(server, "quiet", runs=9)
    headers = HEADERS | {"authorization": f"Bearer {key}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=60) as client:
        file = client.post(
            "files",
            files={"file": (f"{WORD}.csv", f"{WORD}\n1\n", f"text/{WORD}")},
            data={"purpose": "assistants"},
        ).json()
        post(client, "containers", name=WORD, file_ids=[file["id"]])
        post(client, "vector_stores", name=WORD, metadata=METADATA, file_ids=[file["id"]])
        post(client, "conversations", metadata=METADATA)
        upstream.error(400, WORD, code=WORD)
        client.post("responses", json={"model": WORD, "input": WORD, "user": WORD})
        client.post("chat/completions", json={"model": WORD, "messages": [], "user": WORD})
        upstream.code(f"open('{WORD}.txt', 'w').write('{WORD}')\nprint('{WORD}')", text=WORD)
        held = upstream.hold(WORD, WORD)
        attached = {"file_id": file["id"], "tools": [{"type": "code_interpreter"}]}
        said = {"role": "user", "content": WORD, "metadata": METADATA, "attachments": [attached]}
        run = post(
            client,
            "threads/runs",
            assistant_id=make_assistant(client, model=f"{WORD}-model"),
            thread={"messages": [said], "metadata": METADATA},
            instructions=WORD,
            metadata=METADATA,
        )
        held.wait_reached()
        page = open_page("operator/", key=new_admin_key(server))
        expect(row(page, "Runs", run["id"], "quiet", "other")).to_be_visible()
        expect(row(page, "Sessions", run["thread_id"])).to_be_visible()
        row(page, "Projects", "quiet").get_by_role("button", name="Keys").click()
        expect(page.get_by_role("region", name="Keys of quiet", exact=True).first).to_be_visible()
        assert WORD not in page.content()
        held.release()
        assert finish(client, run)["status"] == "completed"
    expect(row(page, "Runs", run["id"])).to_have_count(0)
    page.get_by_role("button", name="30 days").click()
    expect(row(page, "By model", "other")).to_be_visible()
    assert WORD not in page.content()


def test_usage_is_charted_and_given_as_csv(
    open_page: OpenPage, start_server: StartServer, upstream: Upstream, tmp_path: Path
) -> None:
    server = start_server()  # one that has no other usage
    project_id, key = new_project(server, "=billed")
    with OpenAI(api_key=key, base_url=server.url) as client:
        upstream.say("Hello")
        client.responses.create(model="gpt-4o", input="Hi")
    page = open_page("operator/", key=new_admin_key(server), at=server)
    expect(row(page, "By project", "=billed")).to_be_visible()
    charts = page.get_by_role("group", name="Charts by project")
    expect(charts.locator("figure canvas")).to_have_count(4)
    expect(charts.get_by_role("img", name="Input tokens: ")).to_have_accessible_name(
        re.compile("=billed [1-9]")
    )
    expect(charts.get_by_role("listitem").filter(has_text="=billed")).to_have_count(4)
    by_model = page.get_by_role("group", name="Charts by model")
    expect(by_model.locator("figure canvas")).to_have_count(3)
    expect(by_model.get_by_role("img", name="Model requests: ")).to_be_visible()
    with page.expect_download() as downloading:
        page.get_by_role("button", name="CSV").click()
    downloading.value.save_as(tmp_path / "usage.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "usage.csv").read_text())))
    (found,) = [each for each in rows if each["project_id"] == project_id]
    assert found["project"] == "'=billed"  # no formula to a spreadsheet
    assert (found["model_requests"], int(found["input_tokens"]) > 0) == ("1", True)


def test_the_key_of_a_project_is_told_to_use_an_admin_key(
    open_page: OpenPage, server: Server
) -> None:
    _, key = new_project(server)
    page = open_page("operator/", key=key)
    expect(page.get_by_role("alert")).to_contain_text("takes an admin key")
    page.get_by_label("Admin key").fill(new_admin_key(server))
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("heading", name="Projects")).to_be_visible()
    assert "key" not in page.url


@pytest.mark.parametrize("width", [375, 1280])
def test_no_part_of_the_page_is_wider_than_the_window(
    open_page: OpenPage, server: Server, width: int
) -> None:
    page = open_page("operator/", key=new_admin_key(server), width=width)
    expect(page.get_by_role("heading", name="Upstreams")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
