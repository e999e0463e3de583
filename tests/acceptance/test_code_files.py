"""Files of code: what it reads, what it writes, and how both travel through messages."""

import csv
import io
from typing import Any

import openai
import pytest

from tests.acceptance.conftest import Ask, Talk
from tests.live import stream
from tests.upstream import Upstream

PNG = b"\x89PNG\r\n\x1a\n"
FIGURE = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"
SALES = b"month,revenue\n2024-01,10\n2024-02,32\n"


def upload(talk: Talk, name: str, content: bytes, purpose: Any = "assistants") -> Any:
    """Upload a file."""
    return talk.client.files.create(file=(name, content), purpose=purpose)


def attach(talk: Talk, file_id: str, text: str = "See the file.") -> Any:
    """Add a message with a file for code."""
    attachment = {"file_id": file_id, "tools": [{"type": "code_interpreter"}]}
    return talk.say(text, attachments=[attachment])


def compute(talk: Talk, upstream: Upstream, code: str) -> str:
    """Run code; its logs."""
    upstream.code(code)
    talk.say("Compute.")
    run = talk.run()
    assert run.status == "completed", run.last_error
    (call,) = next(s for s in talk.steps(run.id) if s.type == "tool_calls").step_details.tool_calls
    return "".join(each.logs for each in call.code_interpreter.outputs if each.type == "logs")


def test_trap_17_an_attached_file_is_read_under_its_id_and_under_its_name(
    ask: Ask, upstream: Upstream
) -> None:
    talk = ask()
    file = upload(talk, "sales.csv", SALES)
    attach(talk, file.id)
    for path in (file.id, "sales.csv"):
        code = f"import pandas\nprint(pandas.read_csv('/mnt/data/{path}').revenue.sum())"
        assert compute(talk, upstream, code) == "42\n"
    told = upstream.last.messages[0]["content"]
    assert "/mnt/data/sales.csv" in told
    assert file.id in told


def test_trap_18_an_attachment_joins_the_files_of_the_thread(ask: Ask, upstream: Upstream) -> None:
    talk = ask()
    file = upload(talk, "sales.csv", SALES)
    message = attach(talk, file.id)
    assert message.attachments[0].file_id == file.id
    thread = talk.client.beta.threads.retrieve(talk.thread_id)
    assert thread.tool_resources.code_interpreter.file_ids == [file.id]  # type: ignore[union-attr]
    talk.client.beta.threads.messages.delete(message.id, thread_id=talk.thread_id)
    assert compute(talk, upstream, "print(len(open('/mnt/data/sales.csv').read()))") == "36\n"


@pytest.mark.every_backend
def test_files_come_from_the_assistant_the_thread_and_the_messages(
    ask: Ask, upstream: Upstream
) -> None:
    talk = ask()
    one, two, three = (upload(talk, f"{n}.txt", n.encode()) for n in ("one", "two", "three"))
    resources = {"code_interpreter": {"file_ids": [one.id]}}
    talk.client.beta.assistants.update(talk.assistant_id, tool_resources=resources)  # type: ignore[arg-type]
    resources = {"code_interpreter": {"file_ids": [two.id]}}
    talk.client.beta.threads.update(talk.thread_id, tool_resources=resources)  # type: ignore[arg-type]
    attach(talk, three.id)
    code = "print(*(open(f'/mnt/data/{n}.txt').read() for n in ('one', 'two', 'three')))"
    assert compute(talk, upstream, code) == "one two three\n"


def test_trap_42_a_run_that_makes_its_thread_may_bring_files_in_the_assistants_place(
    ask: Ask, upstream: Upstream
) -> None:
    talk = ask()
    one, two = upload(talk, "one.txt", b"1"), upload(talk, "two.txt", b"2")
    resources = {"code_interpreter": {"file_ids": [one.id]}}
    talk.client.beta.assistants.update(talk.assistant_id, tool_resources=resources)  # type: ignore[arg-type]
    upstream.code("import os\nprint(sorted(os.listdir('/mnt/data')))")
    run = talk.client.beta.threads.create_and_run_poll(
        assistant_id=talk.assistant_id,
        thread={"messages": [{"role": "user", "content": "Which?"}]},
        tool_resources={"code_interpreter": {"file_ids": [two.id]}},
    )
    steps = talk.client.beta.threads.runs.steps.list(run.id, thread_id=run.thread_id, order="asc")
    (call,) = steps.data[0].step_details.tool_calls  # type: ignore[union-attr]
    listed = call.code_interpreter.outputs[0].logs  # type: ignore[union-attr]
    assert listed == "['two.txt']\n"


def test_files_of_one_thread_are_invisible_in_another(ask: Ask, upstream: Upstream) -> None:
    one, two = ask(), ask()
    attach(one, upload(one, "secret.txt", b"secret").id)
    assert compute(one, upstream, "print(open('/mnt/data/secret.txt').read())") == "secret\n"
    assert compute(two, upstream, "import os\nprint(os.listdir('/mnt/data'))") == "[]\n"


def test_two_files_of_one_name_are_both_there(ask: Ask, upstream: Upstream) -> None:
    talk = ask()
    for content in (b"first", b"second"):
        attach(talk, upload(talk, "a.txt", content).id)
    code = "print(open('/mnt/data/a.txt').read(), open('/mnt/data/a-2.txt').read())"
    assert compute(talk, upstream, code) == "first second\n"


@pytest.mark.parametrize(
    "name",
    ["数据 📈.csv", "a b (1).csv", "../../etc/passwd", "...", "a'b\"c.csv", "x" * 250 + ".csv"],
)
def test_files_of_odd_names_are_read_by_code_under_their_id(
    ask: Ask, upstream: Upstream, name: str
) -> None:
    talk = ask()
    file = upload(talk, name, b"odd")
    attach(talk, file.id)
    code = f"import os\nprint(open('/mnt/data/{file.id}').read(), len(os.listdir('/mnt/data')))"
    assert compute(talk, upstream, code).startswith("odd ")


@pytest.mark.every_backend
def test_a_large_file_goes_in_and_out_unharmed(ask: Ask, upstream: Upstream) -> None:
    talk = ask()
    content = bytes(range(256)) * 4096 * 5
    attach(talk, upload(talk, "large.bin", content).id)
    code = "import shutil\nprint(shutil.copy('/mnt/data/large.bin', '/mnt/data/copy.bin'))"
    assert compute(talk, upstream, code) == "/mnt/data/copy.bin\n"
    (attachment,) = talk.answer.attachments
    assert talk.client.files.content(attachment.file_id).read() == content


@pytest.mark.every_backend
def test_trap_21_a_picture_is_a_file_that_is_downloaded_as_png_and_an_upload_is_not(
    ask: Ask, upstream: Upstream
) -> None:
    talk = ask()
    upstream.code(FIGURE)
    upstream.say("A line.")
    talk.run()
    file_id = talk.answer.content[0].image_file.file_id
    described = talk.client.files.retrieve(file_id)
    assert described.purpose == "assistants_output"
    assert described.status == "processed"
    content = talk.client.files.content(file_id)
    assert content.read().startswith(PNG)
    assert len(content.read()) == described.bytes
    assert content.response.headers["content-type"] == "image/png"
    upload_id = upload(talk, "a.txt", b"a").id
    with pytest.raises(openai.BadRequestError) as refused:
        talk.client.files.content(upload_id)
    words = "Not allowed to download files of purpose: assistants"
    assert refused.value.body["message"] == words  # type: ignore[index]


def test_the_model_sees_the_picture_it_drew_if_it_can_see(ask: Ask, upstream: Upstream) -> None:
    upstream.code(FIGURE)
    upstream.say("A line.")
    ask().run()
    parts = upstream.last.messages[-1]["content"]
    (image,) = [part for part in parts if part["type"] == "image_url"]
    assert image["image_url"]["url"].startswith("data:image/png;base64,iVBOR")
    upstream.code(FIGURE)
    upstream.say("A line?")
    ask(model="blind-model").run()
    assert "image_url" not in str(upstream.last.messages)


def test_trap_22_a_picture_that_is_shown_and_saved_has_two_file_ids(
    ask: Ask, upstream: Upstream
) -> None:
    upstream.code(FIGURE.replace("plt.show()", "plt.savefig('/mnt/data/f.png')\nplt.show()"))
    upstream.say("[f](sandbox:/mnt/data/f.png)")
    talk = ask()
    talk.run()
    shown, text = talk.answer.content
    (annotation,) = text.text.annotations
    assert shown.image_file.file_id != annotation.file_path.file_id
    for file_id in (shown.image_file.file_id, annotation.file_path.file_id):
        assert talk.client.files.content(file_id).read().startswith(PNG)


WRITE = "open('/mnt/data/行.csv', 'w').write('a,b\\n1,2\\n')"


def test_the_delta_that_completes_a_link_carries_its_annotation(
    ask: Ask, upstream: Upstream
) -> None:
    upstream.code("open('/mnt/data/a.csv', 'w').write('a')")
    upstream.say("See [a.csv](sand", "box:/mnt/data/", "a.csv", ") or not.")
    events = ask().stream()
    message = stream.one(events, "thread.message.completed")
    (annotation,) = message["content"][0]["text"]["annotations"]
    link = "sandbox:/mnt/data/a.csv"
    assert annotation == {
        "type": "file_path",
        "text": link,
        "start_index": 12,
        "end_index": 12 + len(link),
        "file_path": {"file_id": annotation["file_path"]["file_id"]},
    }
    assert stream.text_deltas(events) == [
        {"index": 0, "type": "text", "text": {"value": "See [a.csv](", "annotations": []}},
        {
            "index": 0,
            "type": "text",
            "text": {"value": link, "annotations": [{"index": 0, **annotation}]},
        },
        {"index": 0, "type": "text", "text": {"value": ") or not."}},
    ]


@pytest.mark.every_backend
def test_trap_15_annotations_count_characters_and_slice_to_their_text(
    ask: Ask, upstream: Upstream
) -> None:
    upstream.code(WRITE)
    upstream.say(
        "您好 👋🏽 — 数据 [行](sandbox:/mnt/data/行.csv) 又 📈 [it](sandbox:/mnt/data/行.csv)。"
    )
    talk = ask()
    talk.run()
    text = talk.answer.content[0].text
    assert len(text.annotations) == 2
    for annotation in text.annotations:
        assert annotation.text == "sandbox:/mnt/data/行.csv"
        assert text.value[annotation.start_index : annotation.end_index] == annotation.text
    assert len({annotation.file_path.file_id for annotation in text.annotations}) == 1


def test_trap_14_linked_files_are_attachments_for_the_code_interpreter(
    ask: Ask, upstream: Upstream
) -> None:
    upstream.code(WRITE)
    upstream.say("[行](sandbox:/mnt/data/行.csv)")
    talk = ask()
    talk.run()
    message = talk.answer
    file_id = message.content[0].text.annotations[0].file_path.file_id
    assert [each.model_dump() for each in message.attachments] == [
        {"file_id": file_id, "tools": [{"type": "code_interpreter"}]}
    ]
    content = talk.client.files.content(file_id).read()
    assert list(csv.reader(io.StringIO(content.decode()))) == [["a", "b"], ["1", "2"]]
    assert talk.client.files.retrieve(file_id).filename.endswith("行.csv")


def test_trap_16_only_links_to_files_that_exist_are_annotated(ask: Ask, upstream: Upstream) -> None:
    upstream.code("open('/mnt/data/a.csv', 'w').write('a')")
    text = (
        "[a](sandbox:/mnt/data/b.csv) [a](sandbox://mnt/data/b.csv) "
        "sandbox:/mnt/data/a.csv.gz sandbox:/etc/passwd sandbox:/mnt/data/../../etc/passwd"
    )
    upstream.say(text)
    talk = ask()
    talk.run()
    assert talk.answer.content[0].text.value == text
    assert talk.answer.content[0].text.annotations == []


def test_a_near_miss_of_a_link_is_annotated_where_it_stands(ask: Ask, upstream: Upstream) -> None:
    upstream.code("open('/mnt/data/my file.csv', 'w').write('a')")
    upstream.say("See 📈 [it](/mnt/da", "ta/my%20fi", "le.csv).")
    events = ask().stream()
    text = stream.one(events, "thread.message.completed")["content"][0]["text"]
    assert text["value"] == "See 📈 [it](/mnt/data/my%20file.csv)."
    (annotation,) = text["annotations"]
    assert text["value"][annotation["start_index"] : annotation["end_index"]] == annotation["text"]
    assert {
        "index": 0,
        "type": "text",
        "text": {"value": annotation["text"], "annotations": [{"index": 0, **annotation}]},
    } in stream.text_deltas(events)


def test_a_link_to_an_upload_is_annotated_and_the_upload_is_not_attached_again(
    ask: Ask, upstream: Upstream
) -> None:
    talk = ask()
    file = upload(talk, "src.csv", SALES)
    attach(talk, file.id)
    upstream.say("I looked at src.csv. Your file: [s](sandbox:/mnt/da", "ta/src.csv).")
    talk.run()
    (annotation,) = talk.answer.content[0].text.annotations
    assert annotation.text == "sandbox:/mnt/data/src.csv"
    assert annotation.file_path.file_id == file.id
    assert talk.answer.attachments == []
    upstream.say("I looked at src.csv.")
    talk.run()
    assert talk.answer.content[0].text.annotations == []


def test_a_file_that_is_only_mentioned_is_annotated_with_the_last_delta(
    ask: Ask, upstream: Upstream
) -> None:
    upstream.code("open('/mnt/data/a.csv', 'w').write('a')")
    upstream.say("您好, saved as `a", ".csv`", ". Done.")
    events = ask().stream()
    text = stream.one(events, "thread.message.completed")["content"][0]["text"]
    (annotation,) = text["annotations"]
    assert text["value"][annotation["start_index"] : annotation["end_index"]] == "a.csv"
    last = {"value": "", "annotations": [{"index": 0, **annotation}]}
    assert stream.text_deltas(events)[-1] == {"index": 0, "type": "text", "text": last}


def test_a_written_file_that_is_not_mentioned_is_attached(ask: Ask, upstream: Upstream) -> None:
    upstream.code("open('/mnt/data/a.csv', 'w').write('a')")
    upstream.say("Done.")
    talk = ask()
    talk.run()
    (attachment,) = talk.answer.attachments
    assert talk.answer.content[0].text.annotations == []
    assert talk.client.files.content(attachment.file_id).read() == b"a"


def test_a_file_written_in_an_earlier_run_can_still_be_linked(ask: Ask, upstream: Upstream) -> None:
    upstream.code("open('/mnt/data/a.csv', 'w').write('a')")
    upstream.say("Done.")
    talk = ask()
    talk.run()
    (attachment,) = talk.answer.attachments
    talk.say("Where is it?")
    upstream.say("[here](sandbox:/mnt/data/a.csv)")
    talk.run()
    (annotation,) = talk.answer.content[0].text.annotations
    assert annotation.file_path.file_id == attachment.file_id


def test_a_file_that_is_written_anew_is_a_new_file(ask: Ask, upstream: Upstream) -> None:
    upstream.code("open('/mnt/data/a.csv', 'w').write('old')")
    upstream.code("open('/mnt/data/a.csv', 'w').write('new!')")
    upstream.say("[a](sandbox:/mnt/data/a.csv)")
    talk = ask()
    talk.run()
    (annotation,) = talk.answer.content[0].text.annotations
    assert talk.client.files.content(annotation.file_path.file_id).read() == b"new!"


def test_files_in_folders_are_kept_with_their_paths(ask: Ask, upstream: Upstream) -> None:
    upstream.code(
        "import os\nos.makedirs('/mnt/data/out')\nopen('/mnt/data/out/a.csv', 'w').write('a')"
    )
    upstream.say("[a](sandbox:/mnt/data/out/a.csv)")
    talk = ask()
    talk.run()
    (annotation,) = talk.answer.content[0].text.annotations
    assert talk.client.files.retrieve(annotation.file_path.file_id).filename.endswith("out/a.csv")


def test_what_code_plants_in_its_folder_is_never_followed(ask: Ask, upstream: Upstream) -> None:
    upstream.code(
        "import os\n"
        "os.symlink('/etc/passwd', '/mnt/data/link.txt')\n"
        "os.symlink('/', '/mnt/data/root')\n"
        "os.mkfifo('/mnt/data/pipe')\n"
        "open(b'/mnt/data/\\xff.txt', 'w').write('x')\n"
        "open('/mnt/data/good.txt', 'w').write('good')\n"
    )
    upstream.say("[a](sandbox:/mnt/data/link.txt) [b](sandbox:/mnt/data/root/etc/passwd)")
    talk = ask()
    talk.run()
    assert talk.answer.content[0].text.annotations == []
    (attachment,) = talk.answer.attachments
    assert talk.client.files.content(attachment.file_id).read() == b"good"


def test_trap_48_a_picture_in_a_message_is_shown_to_the_model_and_is_no_file_of_the_sandbox(
    ask: Ask, upstream: Upstream
) -> None:
    talk = ask()
    upstream.code(FIGURE)
    talk.run()
    png = talk.client.files.content(talk.answer.content[0].image_file.file_id).read()
    other = ask()
    file = upload(other, "photo.png", png, "vision")
    other.say(
        [
            {"type": "text", "text": "What is it?"},
            {"type": "image_file", "image_file": {"file_id": file.id}},
        ]
    )  # type: ignore[arg-type]
    assert other.answer.content[1].image_file.detail == "auto"
    upstream.code("import os\nprint(os.listdir('/mnt/data'))")
    run = other.run()
    logs = other.steps(run.id)[0].step_details.tool_calls[0].code_interpreter.outputs[0].logs
    assert logs == "[]\n"
    (shown,) = [
        part["image_url"]
        for message in upstream.requests[-2].messages
        if isinstance(message["content"], list)
        for part in message["content"]
        if part["type"] == "image_url"
    ]
    assert shown["url"].startswith("data:image/png;base64,iVBOR")


@pytest.mark.every_backend
def test_a_file_that_is_deleted_leaves_its_id_behind_and_the_run_goes_on(
    ask: Ask, upstream: Upstream
) -> None:
    talk = ask()
    file = upload(talk, "a.txt", b"a")
    attach(talk, file.id)
    talk.client.files.delete(file.id)
    assert compute(talk, upstream, "import os\nprint(os.listdir('/mnt/data'))") == "[]\n"
    assert talk.messages()[1].attachments[0].file_id == file.id
    with pytest.raises(openai.NotFoundError, match="No such File object"):
        talk.client.files.content(file.id)


@pytest.mark.every_backend
def test_a_large_file_that_one_thread_changes_stays_as_it_was_for_another(
    ask: Ask, upstream: Upstream
) -> None:
    one, two = ask(), ask()
    content = b"stored " * 400_000  # enough to be linked and not copied
    file = upload(one, "large.bin", content)
    attach(one, file.id)
    attach(two, file.id)
    change = "with open('/mnt/data/large.bin', 'r+b') as f: f.write(b'changed'); print(f.name)"
    assert compute(one, upstream, change) == "/mnt/data/large.bin\n"
    (attachment,) = one.answer.attachments
    assert one.client.files.content(attachment.file_id).read() == b"changed" + content[7:]
    look = f"print(open('/mnt/data/{file.id}', 'rb').read(7))"
    assert compute(two, upstream, look) == "b'stored '\n"
    assert two.answer.attachments == []
    assert compute(one, upstream, look) == "b'changed'\n"


@pytest.mark.every_backend
def test_names_of_255_bytes_are_kept_whole_and_apart(ask: Ask, upstream: Upstream) -> None:
    talk = ask()
    name = "数" * 83 + "xx.csv"
    for content in (b"first", b"second"):
        attach(talk, upload(talk, name, content).id)
    code = "import os\nfor n in sorted(os.listdir('/mnt/data')):\n    if n.endswith('.csv'): print(len(n.encode()), open(f'/mnt/data/{n}').read())"
    assert compute(talk, upstream, code) == "255 second\n255 first\n"


@pytest.mark.every_backend
def test_hundreds_of_files_of_one_call_are_all_kept(ask: Ask, upstream: Upstream) -> None:
    talk = ask()
    code = (
        "import os\nos.mkdir('/mnt/data/d')\n"
        "for n in range(250): open(f'/mnt/data/d/{n}.txt', 'w').write(str(n))"
    )
    compute(talk, upstream, code)
    names = {talk.client.files.retrieve(each.file_id).filename for each in talk.answer.attachments}
    assert names == {f"/mnt/data/d/{n}.txt" for n in range(250)}


def test_two_files_of_one_name_stay_apart_in_a_session_that_lives(
    ask: Ask, upstream: Upstream
) -> None:
    talk = ask()
    first, second = upload(talk, "d.txt", b"first"), upload(talk, "d.txt", b"second")
    attach(talk, first.id)
    assert compute(talk, upstream, "print(open('d.txt').read())") == "first\n"
    resources = {"code_interpreter": {"file_ids": [second.id]}}
    talk.client.beta.assistants.update(talk.assistant_id, tool_resources=resources)
    code = f"for n in ('d.txt', 'd-2.txt', '{first.id}', '{second.id}'): print(open(n).read())"
    assert compute(talk, upstream, code).split() == ["first", "second", "first", "second"]
    assert "/mnt/data/d-2.txt" in upstream.last.messages[0]["content"]


@pytest.mark.every_backend
def test_what_code_made_of_an_upload_is_what_a_new_session_has(
    ask: Ask, upstream: Upstream
) -> None:
    talk = ask()
    attach(talk, upload(talk, "d.txt", b"as uploaded").id)
    compute(talk, upstream, "open('d.txt', 'w').write('as changed')")
    upstream.code("import os; os._exit(1)")
    talk.say("End it.")
    assert talk.run().status == "completed"
    assert compute(talk, upstream, "print(open('d.txt').read())") == "as changed\n"


def test_a_name_that_no_folder_can_hold_is_found_under_the_id(ask: Ask, upstream: Upstream) -> None:
    talk = ask()
    file = upload(talk, "长" * 100 + ".csv", b"data")
    attach(talk, file.id)
    assert compute(talk, upstream, f"print(open('{file.id}').read())") == "data\n"
