"""File search, told by the official Python SDK of whichever version runs this: from a store to footnotes.

Usage: search.py ROOT KEY
"""

import json
import sys
from typing import Any

from openai import AssistantEventHandler, OpenAI

SEARCH = {"type": "file_search"}
MENU = ("menu.md", b"# Menu\nOn Fridays there is soup of pumpkins.")
HOURS = ("hours.txt", b"The kitchen opens at noon and closes at ten.")
TEAM = ("team.md", b"Ada cooks, and Grace bakes the bread.")
GUESTS = ("guests.txt", b"On Friday a party of twelve comes.")


class Footnotes(AssistantEventHandler):
    """Puts a number in the place of each citation, and the name of its file below the answer."""

    def __init__(self, client: OpenAI) -> None:
        super().__init__()
        self.client = client
        self.tools: list[str] = []
        self.text = ""
        self.notes: list[str] = []

    def on_tool_call_created(self, tool_call: Any) -> None:
        self.tools.append(tool_call.type)

    def on_message_done(self, message: Any) -> None:
        self.text, self.notes = with_footnotes(self.client, message)


def with_footnotes(client: OpenAI, message: Any) -> tuple[str, list[str]]:
    """The answer with numbers for its citations, and what the numbers stand for."""
    text = message.content[0].text
    value, notes = text.value, list[str]()
    for number, annotation in enumerate(text.annotations):
        value = value.replace(annotation.text, f"[{number}]")
        name = client.files.retrieve(annotation.file_citation.file_id).filename
        notes.append(f"[{number}] {name}")
    return value, notes


def main(root: str, key: str) -> dict[str, Any]:
    """Tell it."""
    client = OpenAI(base_url=f"{root}/v1", api_key=key)
    assistants, threads = client.beta.assistants, client.beta.threads
    assistant = assistants.create(
        name="Host", instructions="You know the restaurant.", model="gpt-4o", tools=[SEARCH]
    )
    store = client.vector_stores.create(name="Restaurant")
    batch = client.vector_stores.file_batches.upload_and_poll(
        vector_store_id=store.id, files=[MENU, HOURS]
    )
    added = client.vector_stores.files.upload_and_poll(vector_store_id=store.id, file=TEAM)
    resources = {"file_search": {"vector_store_ids": [store.id]}}
    assistant = assistants.update(assistant.id, tool_resources=resources)

    attached = client.files.create(file=GUESTS, purpose="assistants")
    attachments = [{"file_id": attached.id, "tools": [SEARCH]}]
    question = {"role": "user", "content": "What is on Friday?", "attachments": attachments}
    thread = threads.create(messages=[question])
    ids = {"thread_id": thread.id, "assistant_id": assistant.id}
    handler = Footnotes(client)
    with threads.runs.stream(**ids, event_handler=handler) as stream:
        stream.until_done()

    threads.messages.create(thread.id, role="user", content="And who cooks?")
    run = threads.runs.create_and_poll(**ids)
    (answer,) = threads.messages.list(thread_id=thread.id, run_id=run.id)

    content = "step_details.tool_calls[*].file_search.results[*].content"
    (_, step) = threads.runs.steps.list(run.id, thread_id=thread.id, include=[content])
    (call,) = step.step_details.tool_calls
    found = client.vector_stores.search(store.id, query="bread", max_num_results=1)
    (own,) = thread.tool_resources.file_search.vector_store_ids
    seen = {
        "batch": [batch.status, batch.file_counts.completed],
        "added": added.status,
        "listed": len(list(client.vector_stores.files.list(store.id))),
        "attached": [each.id == attached.id for each in client.vector_stores.files.list(own)],
        "tools": handler.tools,
        "streamed": [handler.text, handler.notes],
        "status": run.status,
        "polled": with_footnotes(client, answer),
        "results": sorted(each.file_name for each in call.file_search.results),
        "shown": all(each.content for each in call.file_search.results),
        "searched": [each.filename for each in found],
    }
    client.vector_stores.files.delete(added.id, vector_store_id=store.id)
    return seen | {
        "left": len(list(client.vector_stores.files.list(store.id))),
        "deleted": client.vector_stores.delete(store.id).deleted,
    }


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
