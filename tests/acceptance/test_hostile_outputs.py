"""What code leaves in /mnt/data is hostile: it is kept within bounds, and nothing outside is read."""

from typing import Any

import pytest

from tests.acceptance.conftest import Ask, Talk
from tests.live.fixtures import StartServer
from tests.upstream import Upstream


def written(talk: Talk, upstream: Upstream, code: str) -> dict[str, Any]:
    """Run code; the files that came of it, by path."""
    upstream.code(code)
    upstream.say("Done.")
    talk.say("Write.")
    run = talk.run()
    assert run.status == "completed", run.last_error
    files = [talk.client.files.retrieve(each.file_id) for each in talk.answer.attachments or ()]
    return {file.filename: file for file in files}


def told(upstream: Upstream) -> str:
    """What the model was told of the call."""
    return next(
        message["content"] for message in upstream.last.messages if message["role"] == "tool"
    )


def test_more_files_and_larger_files_than_allowed_are_left_out_and_the_model_is_told(
    start_server: StartServer, ask_at: Ask, upstream: Upstream
) -> None:
    talk = ask_at(start_server(output_files=3, output_file_mib=1))
    code = "for n in range(5): open(f'/mnt/data/{n}.txt', 'w').write('x')"
    assert sorted(written(talk, upstream, code)) == [f"/mnt/data/{n}.txt" for n in range(3)]
    assert "5 files were written; only the first 3 were kept" in told(upstream)
    code = "open('/mnt/data/large', 'wb').write(bytes(2 << 20))\nopen('/mnt/data/small', 'w').write('x')"
    assert list(written(talk, upstream, code)) == ["/mnt/data/small"]
    assert "/mnt/data/large could not be kept" in upstream.last.messages[-1]["content"]


@pytest.mark.parametrize(
    "plant",
    [
        "os.symlink('/etc/passwd', 'planted.txt')",
        "os.symlink('/proc/self/environ', 'planted.txt')",
        "os.symlink('/', 'planted')",
        "os.mkfifo('planted.txt')",
        "import socket; socket.socket(socket.AF_UNIX).bind('planted.txt')",
        "os.open(b'\\xff\\xfe.txt', os.O_CREAT | os.O_WRONLY)",
    ],
)
def test_only_plain_files_with_proper_names_are_kept(
    ask: Ask, upstream: Upstream, plant: str
) -> None:
    code = f"import os\nos.chdir('/mnt/data')\n{plant}\nopen('real.txt', 'w').write('real')"
    files = written(ask(), upstream, code)
    assert list(files) == ["/mnt/data/real.txt"]


def test_a_name_with_markup_is_a_name_and_not_markup(ask: Ask, upstream: Upstream) -> None:
    talk = ask()
    name = 'a"b\\n<c>;.txt'
    (file,) = written(talk, upstream, f"open('/mnt/data/{name}', 'w').write('odd')").values()
    content = talk.client.files.content(file.id)
    assert content.read() == b"odd"
    assert "\n" not in content.response.headers["content-disposition"]


def test_a_link_in_the_text_to_a_file_of_the_host_is_no_annotation(
    ask: Ask, upstream: Upstream
) -> None:
    talk = ask()
    upstream.code("import os; os.symlink('/etc/passwd', '/mnt/data/passwd')")
    upstream.say("[take it](sandbox:/mnt/data/passwd) or sandbox:/mnt/data/../../etc/passwd")
    talk.say("Write.")
    assert talk.run().status == "completed"
    assert talk.answer.content[0].text.annotations == []
