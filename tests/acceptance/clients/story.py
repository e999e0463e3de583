"""One story, told by the official Python SDK of whichever version runs this: prints what the SDK saw, as JSON.

Usage: story.py openai|azure ROOT KEY
"""

import base64
import hashlib
import json
import sys
from typing import Any

from openai import AssistantEventHandler, AzureOpenAI, OpenAI

TABLE = b"a,b\n1,2\n"
DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)
WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": {}}}


class Handler(AssistantEventHandler):
    """Joins the deltas, and notes which handlers were called."""

    def __init__(self) -> None:
        super().__init__()
        self.text = self.code = ""
        self.called: list[str] = []
        self.painted: list[str] = []

    def on_text_delta(self, delta: Any, snapshot: Any) -> None:
        self.text += delta.value
        if delta.value:
            self.painted.append("words")

    def on_tool_call_delta(self, delta: Any, snapshot: Any) -> None:
        if delta.type == "code_interpreter":
            self.code += delta.code_interpreter.input or ""

    def on_text_done(self, text: Any) -> None:
        self.called.append("text_done")

    def on_image_file_done(self, image_file: Any) -> None:
        self.called.append("image_file_done")
        self.painted.append("picture")

    def on_message_done(self, message: Any) -> None:
        self.called.append("message_done")

    def on_end(self) -> None:
        self.called.append("end")


def main(kind: str, root: str, key: str) -> dict[str, Any]:
    """Tell the story."""
    if kind == "azure":
        client: OpenAI = AzureOpenAI(
            azure_endpoint=root, api_version="2024-05-01-preview", api_key=key
        )
    else:
        client = OpenAI(base_url=f"{root}/v1", api_key=key)
    chatted = chat(client)
    threads = client.beta.threads
    file = client.files.create(file=("numbers.csv", TABLE), purpose="assistants")
    assistant = client.beta.assistants.create(
        model="gpt-4o", tools=[{"type": "code_interpreter"}, WEATHER], name="Ada"
    )
    code_tool = {"type": "code_interpreter"}
    thread = threads.create(
        messages=[
            {
                "role": "user",
                "content": "Draw.",
                "attachments": [{"file_id": file.id, "tools": [code_tool]}],
            }
        ]
    )
    ids = {"thread_id": thread.id, "assistant_id": assistant.id}
    run = threads.runs.create_and_poll(**ids)
    polled = seen(client, run, thread.id)
    paths = [
        annotation.file_path.file_id
        for message in threads.messages.list(thread.id, run_id=run.id)
        for part in message.content
        if part.type == "text"
        for annotation in part.text.annotations
    ]
    downloads = {each: digest(client, each) for each in paths}

    picture = client.files.create(file=("dot.png", DOT), purpose="vision")
    parts = [
        {"type": "text", "text": "Again, like this."},
        {"type": "image_file", "image_file": {"file_id": picture.id}},
    ]
    threads.messages.create(thread.id, role="user", content=parts)
    handler = Handler()
    with threads.runs.stream(**ids, event_handler=handler) as stream:
        stream.until_done()
        streamed = accumulated(stream)
    pictures = [
        part.image_file.file_id
        for message in stream.get_final_messages()
        for part in message.content
        if part.type == "image_file"
    ]
    downloads |= {each: digest(client, each) for each in pictures}

    threads.messages.create(thread.id, role="user", content="And the weather?")
    with threads.runs.stream(**ids) as stream:
        waiting = stream.get_final_run()
    (call,) = waiting.required_action.submit_tool_outputs.tool_calls
    outputs = [{"tool_call_id": call.id, "output": "Sunny."}]
    with threads.runs.submit_tool_outputs_stream(
        run_id=waiting.id, thread_id=thread.id, tool_outputs=outputs
    ) as stream:
        called = {"run": plain(stream.get_final_run())}
        called["messages"] = [plain(each) for each in stream.get_final_messages()]

    upload = client.uploads.upload_file_chunked(
        file=TABLE, filename="a.csv", bytes=len(TABLE), mime_type="text/csv", purpose="batch",
        part_size=3,
    )  # fmt: skip
    pages = [each.id for each in threads.messages.list(thread.id, limit=2, order="asc")]
    return {
        "chatted": chatted,
        "thread": thread.id,
        "polled": polled,
        "streamed": streamed,
        "text": handler.text,
        "code": handler.code,
        "handlers": sorted(set(handler.called)),
        "painted": handler.painted,
        "waiting": plain(waiting),
        "called": called,
        "downloads": downloads,
        "upload": plain(upload),
        "pages": pages,
    }


def chat(client: OpenAI) -> list[str]:
    """A question of the program's own, whole and streamed."""
    asked = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}
    answer = client.chat.completions.create(**asked)
    parts = client.chat.completions.create(**asked, stream=True)
    text = "".join(part.choices[0].delta.content or "" for part in parts if part.choices)
    return [answer.choices[0].message.content, text]


def seen(client: OpenAI, run: Any, thread_id: str) -> dict[str, Any]:
    """A run, its steps and its messages, oldest first."""
    runs, messages = client.beta.threads.runs, client.beta.threads.messages
    return {
        "run": plain(run),
        "steps": [
            plain(each) for each in runs.steps.list(run.id, thread_id=thread_id, order="asc")
        ],
        "messages": [plain(each) for each in messages.list(thread_id, run_id=run.id, order="asc")],
    }


def accumulated(stream: Any) -> dict[str, Any]:
    """What the stream's helpers have in the end."""
    return {
        "run": plain(stream.get_final_run()),
        "steps": [plain(each) for each in stream.get_final_run_steps()],
        "messages": [plain(each) for each in stream.get_final_messages()],
    }


def plain(item: Any) -> Any:
    """An object of the SDK as JSON has it."""
    return item.to_dict(mode="json")


def digest(client: OpenAI, file_id: str) -> str:
    """The SHA-256 of a file's content."""
    return hashlib.sha256(client.files.content(file_id).read()).hexdigest()


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
