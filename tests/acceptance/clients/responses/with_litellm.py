"""litellm: files, responses, containers and their files by its own functions.

Usage: with_litellm.py ROOT KEY
"""

from typing import Any

import litellm
from litellm.containers import (
    create_container,
    delete_container,
    list_container_files,
    retrieve_container_file_content,
)
from litellm.containers.main import upload_container_file
from telling import DRAW, MODEL, SUM, TABLE, code, tell, told


def story(root: str, key: str) -> dict[str, Any]:
    """Tell it."""
    base: dict[str, Any] = {"api_base": f"{root}/v1", "api_key": key}
    openai: dict[str, Any] = {"custom_llm_provider": "openai", **base}
    file = litellm.create_file(file=("numbers.csv", TABLE), purpose="user_data", **openai)
    asked: dict[str, Any] = {
        "model": f"openai/{MODEL}",
        "include": ["code_interpreter_call.outputs"],
        "tools": [code(file.id)],
        **base,
    }
    text = ""
    for event in litellm.responses(input=DRAW, stream=True, **asked):
        if event.type == "response.output_text.delta":
            text += event.delta
        if event.type == "response.completed":
            first = event.response
    second = litellm.responses(input=SUM, previous_response_id=first.id, **asked)
    third = litellm.responses(input=SUM, previous_response_id=second.id, **asked)
    (message,) = (each for each in first.output if each.type == "message")
    notes = [dict(each) for each in message.content[0].annotations]
    container = create_container(name="mine", **openai)
    uploaded = upload_container_file(container_id=container.id, file=("more.csv", TABLE), **openai)
    listed = list_container_files(container_id=notes[0]["container_id"], **openai)
    return {
        "first": text,
        "files": [
            told(each, retrieve_container_file_content(
                container_id=each["container_id"], file_id=each["file_id"], **openai))
            for each in notes
        ],
        "second": second.output[-1].content[0].text,
        "third": third.output[-1].content[0].text,
        "listed": {each.id: [each.path, each.bytes, each.source] for each in listed.data},
        "uploaded": [uploaded.container_id == container.id, uploaded.bytes],
        "deleted": delete_container(container_id=container.id, **openai).deleted,
    }  # fmt: skip


if __name__ == "__main__":
    tell(story)
