"""What stands beside the chat: threads, the composer's files, steps, files, JSON, programs to copy."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from openai import OpenAI
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import OpenPage, ask
from tests.live.server import API_KEY
from tests.upstream import Upstream

_MODULES = Path(__file__).parents[2] / "ui/node_modules"
_WRITE = """
open("/mnt/data/out.csv", "w").write("name,number\\n" + "\\n".join(f"row,{i}" for i in range(40_000)))
import matplotlib.pyplot as plt
plt.plot([1, 2]); plt.show()
"""
_FAIL = "1 / 0"
_QUESTION = "What's in it? Tell $HOME, `me` and {you}: \u4f60\u597d."


def attach(page: Page, name: str, content: bytes) -> Locator:
    """Attach a file, and return its chip."""
    file = {"name": name, "mimeType": "text/csv", "buffer": content}
    page.get_by_role("main").locator("input[type=file]").set_input_files([file])
    return page.locator(".composer").get_by_role("listitem").filter(has_text=name)


def test_threads_are_named_searched_and_deleted(open_page: OpenPage, upstream: Upstream) -> None:
    upstream.say("Indeed.")
    page = open_page()
    ask(page, "An aardvark question", "Indeed.")
    threads = page.get_by_role("navigation", name="Threads")
    row = threads.get_by_role("listitem").filter(has_text="An aardvark question")
    expect(row).to_be_visible()
    row.hover()
    row.get_by_role("button", name="Rename").click()
    field = threads.get_by_role("textbox", name="Title")
    field.fill("Zebras")
    field.press("Enter")
    threads.get_by_role("searchbox").fill("zebr")
    row = threads.get_by_role("listitem").filter(has_text="Zebras")
    expect(row).to_be_visible()
    row.hover()
    row.get_by_role("button", name="Delete").click()
    threads.get_by_role("button", name="Delete", exact=True).click()
    expect(threads.get_by_text("Nothing found.")).to_be_visible()
    expect(page.get_by_role("button", name="Chart the revenue")).to_be_visible()


def test_steps_tell_where_the_time_went_and_what_failed(
    open_page: OpenPage, upstream: Upstream
) -> None:
    upstream.code(_FAIL)
    upstream.say("It cannot be divided.")
    page = open_page()
    ask(page, "Divide", "It cannot be divided.")
    behind = page.get_by_role("complementary")
    expect(behind.get_by_text("ZeroDivisionError: division by zero").first).to_be_visible()
    bars = behind.get_by_role("list", name="Where the time went")
    for span in ("first token", "model", "run code"):
        expect(bars.get_by_text(span, exact=True).first).to_be_visible()
    expect(page).to_have_title("Divide · assistd")
    page.locator(".run-head").first.evaluate("each => each.scrollIntoView()")
    assert page.evaluate("() => scrollY + document.scrollingElement.scrollTop") == 0, (
        "the page moved"
    )
    behind.get_by_text("message_creation").click()
    expect(behind.locator("pre").first).to_contain_text('"object": "thread.run.step"')


def test_files_of_a_thread_are_shown_and_downloaded(
    open_page: OpenPage, upstream: Upstream
) -> None:
    upstream.code(_WRITE)
    upstream.say("See [the table](sandbox:/mnt/data/out.csv).")
    page = open_page()
    given = b"a,b\n2,x\n10,y\n"
    expect(attach(page, "given.csv", given)).to_contain_text("given.csv")
    ask(page, "Write", "the table")
    behind = page.get_by_role("complementary")
    behind.get_by_role("tab", name="Files").click()
    rows = behind.get_by_role("listitem")
    expect(rows).to_have_count(3)
    rows.filter(has_text="given.csv").get_by_text("from you").click()
    expect(rows.filter(has_text="given.csv").get_by_role("cell").first).to_have_text("2")
    rows.filter(has_text="given.csv").get_by_text("from you").click()
    rows.filter(has_text="from code").locator("summary").click()
    expect(behind.get_by_role("img")).to_be_visible()
    written = rows.filter(has_text="out.csv")
    written.locator("summary").click()
    expect(written.get_by_text(re.compile("^The first 256 KB of"))).to_be_visible()
    expect(written.get_by_text("200 of")).to_be_visible()
    with page.expect_download() as found:
        written.get_by_role("button", name="Download").click()
    expected = "name,number\n" + "\n".join(f"row,{i}" for i in range(40_000))
    content = found.value.path().read_bytes()
    assert hashlib.sha256(content).digest() == hashlib.sha256(expected.encode()).digest()


def test_json_shows_and_finds_objects_and_events(open_page: OpenPage, upstream: Upstream) -> None:
    upstream.say("A ", "quokka.")
    page = open_page()
    ask(page, "Name an animal", "A quokka.")
    behind = page.get_by_role("complementary")
    behind.get_by_role("tab", name="JSON").click()
    expect(behind.get_by_text("thread.message.completed")).to_be_visible()
    behind.get_by_role("searchbox").fill("message.delta quok")
    expect(behind.get_by_text("0 objects and events")).to_be_visible()
    behind.get_by_role("searchbox").fill("quokka")
    behind.get_by_text("thread.message.delta").first.click()
    expect(behind.locator("pre")).to_contain_text('"value": "quokka."')


def test_an_upload_can_fail_or_be_cancelled_while_others_go_on(
    open_page: OpenPage, upstream: Upstream, client: OpenAI
) -> None:
    upstream.say("Two letters.")
    page = open_page()
    held: list[Route] = []

    def answer(route: Route) -> None:
        body = route.request.post_data_buffer or b""
        if b"large.csv" in body:
            error = {"error": {"message": "File is too large.", "type": "invalid_request_error"}}
            route.fulfill(status=413, json=error)
        elif b"slow.csv" in body:
            held.append(route)
        else:
            route.continue_()

    page.route("**/v1/files", answer)
    large = attach(page, "large.csv", b"x" * 1000)
    slow = attach(page, "slow.csv", b"y" * 1000)
    good = attach(page, "good.csv", b"a,b")
    expect(large.get_by_role("alert")).to_have_text("File is too large.")
    expect(slow.get_by_role("progressbar")).to_be_visible()
    large.get_by_role("button", name="Remove").click()
    page.get_by_role("textbox", name="Ask").fill("How many letters?")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Goes as soon as the files are there.")).to_be_visible()
    slow.get_by_role("button", name="Cancel the upload").click()
    expect(page.get_by_text("Two letters.")).to_be_visible(timeout=20_000)
    expect(good).to_have_count(0)
    (message,) = client.beta.threads.messages.list(page.url.split("/")[-1], order="asc").data[:1]
    (attached,) = message.attachments or []
    assert attached.file_id
    assert client.files.retrieve(attached.file_id).filename == "good.csv"
    assert len(held) == 1


def test_files_are_dropped_anywhere_and_sent(
    open_page: OpenPage, upstream: Upstream, client: OpenAI
) -> None:
    upstream.say("Two files.")
    page = open_page()
    expect(page.get_by_role("main")).to_be_visible()
    page.evaluate(
        """() => {
            const data = new DataTransfer();
            for (const name of ["one.csv", "two.csv"]) data.items.add(new File(["a,b"], name));
            for (const type of ["dragover", "drop"])
                document.querySelector("nav").dispatchEvent(
                    new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
        }"""
    )
    for name in ("one.csv", "two.csv"):
        expect(page.get_by_role("main").get_by_text(name)).to_be_visible()
    ask(page, "What came?", "Two files.")
    (message,) = client.beta.threads.messages.list(page.url.split("/")[-1], order="asc").data[:1]
    sent = [client.files.retrieve(each.file_id or "") for each in message.attachments or []]
    assert {each.filename for each in sent} == {"one.csv", "two.csv"}


def test_enter_that_ends_a_word_of_an_input_method_does_not_send(open_page: OpenPage) -> None:
    page = open_page()
    field = page.get_by_role("textbox", name="Ask")
    field.fill("你好")
    for composing in (
        {"key": "Enter", "isComposing": True},
        {"key": "Enter", "keyCode": 229, "isComposing": False},
    ):
        field.evaluate(
            """(field, init) => field.dispatchEvent(
                new KeyboardEvent("keydown", { ...init, bubbles: true, cancelable: true }))""",
            composing,
        )
    expect(field).to_have_value("你好")
    assert "thread_" not in page.url
    field.press("Shift+Enter")
    expect(field).to_have_value("你好\n")


@pytest.mark.parametrize("language", ["Python", "Node", "curl"])
def test_copied_programs_run(
    open_page: OpenPage, upstream: Upstream, tmp_path: Path, language: str
) -> None:
    upstream.say("It has a row.")
    page = open_page()
    content = b"a,b\n1,2\n"
    attach(page, "it's one.csv", content)
    ask(page, _QUESTION, "It has a row.")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Go to")).to_be_focused()
    page.keyboard.type("copy as")
    page.keyboard.press("Enter")
    box = page.get_by_role("dialog", name="Copy as")
    box.get_by_role("combobox", name="Language").select_option(language)
    (tmp_path / "it's one.csv").write_bytes(content)
    programs = set[str]()
    for what in ("This message", "The whole setup"):
        box.get_by_role("combobox", name="What to copy").select_option(what)
        program = box.locator("pre").inner_text()
        programs.add(program)
        assert API_KEY not in program
        assert "OPENAI_API_KEY" in program
        asked = len(upstream.requests)
        upstream.say("And again.")
        assert "again" in run_program(program, language, tmp_path)
        assert len(upstream.requests) == asked + 1
        assert _QUESTION in str(upstream.requests[-1].body["messages"][-1])
    assert len(programs) == 2


def run_program(program: str, language: str, folder: Path) -> str:
    """Run it as somebody would who copied it, and return what it prints."""
    name, command = {
        "Python": ("program.py", [sys.executable]),
        "Node": ("program.mjs", [shutil.which("node") or ""]),
        "curl": ("program.sh", ["sh"]),
    }[language]
    if language == "Node" and not (command[0] and _MODULES.exists()):
        pytest.skip("Node or the packages of ui/ are not here (make ui)")
    if language == "curl" and not shutil.which("curl"):
        pytest.skip("curl is not installed")
    (folder / name).write_text(program)
    if not (folder / "node_modules").is_symlink():
        (folder / "node_modules").symlink_to(_MODULES)
    done = subprocess.run(
        [*command, name],
        cwd=folder,
        env={**os.environ, "OPENAI_API_KEY": API_KEY, "NO_PROXY": "127.0.0.1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_an_attachment_is_for_can_be_chosen(
    open_page: OpenPage, upstream: Upstream, client: OpenAI
) -> None:
    upstream.say("Read.")
    page = open_page()
    chip = attach(page, "notes.txt", b"Some words.")
    chip.get_by_role("combobox", name="What notes.txt is for").select_option("for both")
    ask(page, "Read it.", "Read.")
    (message,) = client.beta.threads.messages.list(page.url.split("/")[-1], order="asc").data[:1]
    (attached,) = message.attachments or []
    assert [each.type for each in attached.tools or []] == ["code_interpreter", "file_search"]
