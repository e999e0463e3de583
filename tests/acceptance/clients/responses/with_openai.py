"""The official SDK of Python of whichever version runs this, through every part of the Responses API.

Usage: with_openai.py ROOT KEY
"""

from typing import Any

from openai import OpenAI
from pydantic import BaseModel
from telling import DRAW, MODEL, SUM, TABLE, code, connect, download, tell, upload

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}


class Place(BaseModel):
    """A structured answer."""

    city: str
    degrees: int


def story(root: str, key: str) -> dict[str, Any]:
    """Tell it all."""
    client = connect(root, key)
    file_id = upload(client)
    seen = draw_and_sum(client, file_id)
    seen["container"] = use_a_container(client, file_id)
    seen["conversation"] = converse(client)
    seen["called"] = call_a_function(client)
    seen["parsed"] = parse(client)
    seen["background"] = read_in_the_background(client)
    client.responses.delete(seen["ids"][0])
    return seen


def draw_and_sum(client: OpenAI, file_id: str) -> dict[str, Any]:
    """A stream, and a second turn behind it."""
    include: Any = ["code_interpreter_call.outputs"]
    asked: dict[str, Any] = {"model": MODEL, "include": include}
    text = written = ""
    with client.responses.stream(input=DRAW, tools=[code(file_id)], **asked) as stream:
        for event in stream:
            if event.type == "response.output_text.delta":
                text += event.delta
            if event.type == "response.code_interpreter_call_code.delta":
                written += event.delta
        first = stream.get_final_response()
    kept = client.responses.retrieve(first.id, include=include)
    second = client.responses.create(
        input=SUM, tools=[code()], previous_response_id=first.id, **asked
    )
    items = list(client.responses.input_items.list(second.id, order="asc", limit=2))
    return {
        "first": text,
        "written": written,
        "files": download(client, cited(first)),
        "second": second.output_text,
        "ids": [first.id, second.id],
        "final": first.output_text,
        "outputs": [plain(each)["outputs"] for each in first.output if each.type != "message"],
        "is_kept": kept.to_dict()["output"] == without_parsed(first),
        "items": [each.type for each in items],
    }


def cited(response: Any) -> list[dict[str, Any]]:
    """The citations of a response."""
    return [
        plain(note)
        for item in response.output
        if item.type == "message"
        for part in item.content
        for note in part.annotations
    ]


def without_parsed(response: Any) -> Any:
    """The output without what the SDK adds to a stream."""
    output = response.to_dict()["output"]
    for part in (part for item in output for part in item.get("content", [])):
        part.pop("parsed", None)
    return output


def use_a_container(client: OpenAI, file_id: str) -> dict[str, Any]:
    """A container of the program's own, with files of both kinds."""
    container = client.containers.create(name="mine", file_ids=[file_id])
    files = client.containers.files
    uploaded = files.create(container.id, file=("more.csv", TABLE * 2))
    tool: Any = {"type": "code_interpreter", "container": container.id}
    read = client.responses.create(model=MODEL, input="Read.", tools=[tool])
    seen = {
        "id": container.id,
        "used": [plain(each)["container_id"] for each in read.output if each.type != "message"],
        "files": {
            each.id: [each.path, each.bytes, each.source] for each in files.list(container.id)
        },
        "uploaded": uploaded.id,
        "same": files.content.retrieve(uploaded.id, container_id=container.id).read() == TABLE * 2,
        "is_listed": container.id in [each.id for each in client.containers.list()],
        "deleted": files.delete(uploaded.id, container_id=container.id),
    }
    client.containers.delete(container.id)
    return seen


def converse(client: OpenAI) -> dict[str, Any]:
    """Two turns of a conversation, and what it holds."""
    conversation = client.conversations.create(
        metadata={"about": "Rome"},
        items=[{"type": "message", "role": "user", "content": "I live in Rome."}],
    )
    answers = [
        client.responses.create(model=MODEL, input=each, conversation=conversation.id).output_text
        for each in ("Where?", "Again?")
    ]
    items = client.conversations.items.list(conversation.id, order="asc", limit=2)
    return {
        "answers": answers,
        "roles": [plain(each)["role"] for each in items],
        "metadata": client.conversations.retrieve(conversation.id).metadata,
        "deleted": client.conversations.delete(conversation.id).deleted,
    }


def call_a_function(client: OpenAI) -> str:
    """A function of the program's own, answered in a second response."""
    asked: dict[str, Any] = {"model": MODEL, "tools": [WEATHER]}
    with client.responses.stream(input="And the weather?", **asked) as stream:
        stream.until_done()
        waiting = stream.get_final_response()
    (call,) = waiting.output
    output: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "Sunny."}  # type: ignore[union-attr]
    done = client.responses.create(input=[output], previous_response_id=waiting.id, **asked)
    return f"{call.arguments} {done.output_text}"  # type: ignore[union-attr]


def parse(client: OpenAI) -> dict[str, Any]:
    """A structured answer."""
    found = client.responses.parse(model=MODEL, input="Where?", text_format=Place).output_parsed
    assert found
    return found.model_dump()


def read_in_the_background(client: OpenAI) -> dict[str, Any]:
    """A stream in the background that is left, and read on from where it was left."""
    numbers: list[int] = []
    text = ""
    stream = client.responses.create(model=MODEL, input="Count.", background=True, stream=True)
    for event in stream:
        numbers.append(event.sequence_number)
        if event.type == "response.created":
            response_id = event.response.id
        if event.type == "response.output_text.delta":
            text += event.delta
            break
    stream.close()
    for event in client.responses.retrieve(response_id, stream=True, starting_after=numbers[-1]):
        numbers.append(event.sequence_number)
        if event.type == "response.output_text.delta":
            text += event.delta
    status = client.responses.retrieve(response_id).status
    return {"numbers": numbers, "text": text, "status": status}


def plain(item: Any) -> Any:
    """An object of the SDK as JSON has it; what it has no name for is a dictionary already."""
    return item if isinstance(item, dict) else item.to_dict(mode="json")


if __name__ == "__main__":
    tell(story)
