"""Each format of the guide, from a client's upload to the words that code read out of it."""

from typing import Any

import pytest

from tests.acceptance.conftest import Ask, Talk
from tests.sandbox.test_formats import CONTENTS, FILES, MADE, ROWS
from tests.upstream import Upstream


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_a_file_of_each_format_is_uploaded_attached_and_read_by_code(
    ask: Ask, upstream: Upstream, row: tuple[str, ...]
) -> None:
    extension, mime_types, modules, line = row
    talk, name = ask(), f"año 表{extension}"
    content, words = _content(talk, upstream, extension)
    file = talk.client.files.create(
        file=(name, content, mime_types.split(",")[0].strip()), purpose="assistants"
    )
    assert (file.filename, file.bytes) == (name, len(content))
    talk.say("Read it.", attachments=[_for_code(file.id)])
    *before, last = line.split("; ")
    imports = "sys" if modules == "built in" else modules
    code = f"import {imports}\npath = '/mnt/data/{name}'\n{'; '.join([*before, f'print({last})'])}"
    logs = _logs(talk, upstream, code)
    assert not [word for word in words if word not in logs], logs


def _content(talk: Talk, upstream: Upstream, extension: str) -> tuple[bytes, tuple[str, ...]]:
    """A file of that format, made by a third program or by another library, and words in it."""
    if extension in CONTENTS:
        content, words = CONTENTS[extension]
        return (FILES / content).read_bytes() if isinstance(content, str) else content, words
    code, words = MADE[extension]
    _logs(talk, upstream, code)
    (attachment,) = talk.answer.attachments
    return talk.client.files.content(attachment.file_id).read(), words


def _for_code(file_id: str) -> Any:
    return {"file_id": file_id, "tools": [{"type": "code_interpreter"}]}


def _logs(talk: Talk, upstream: Upstream, code: str) -> str:
    """What a run of this code prints."""
    upstream.code(code)
    run = talk.run()
    assert run.status == "completed", run.last_error
    (step,) = (step for step in talk.steps(run.id) if step.type == "tool_calls")
    (call,) = step.step_details.tool_calls
    return "".join(each.logs for each in call.code_interpreter.outputs)
