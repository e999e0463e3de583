"""Public programs that name file search beside code: what they call, in our words."""

from typing import Any

from openai import AssistantEventHandler, OpenAI
from typing_extensions import override

from tests.acceptance.conftest import weather
from tests.upstream import Upstream

CODE: dict[str, Any] = {"type": "code_interpreter"}
SEARCH: dict[str, Any] = {"type": "file_search"}
QUERY = {"queries": ["what the notes say"]}


def upload(client: OpenAI, name: str, content: bytes = b"The notes say: buy milk.") -> str:
    return client.files.create(file=(name, content), purpose="assistants").id


def test_a_chat_that_attaches_documents_for_both_tools_and_tables_for_code(
    client: OpenAI, upstream: Upstream
) -> None:
    """As Chainlit's data analyst: its assistant has both tools, and the file's type chooses."""
    assistant = client.beta.assistants.create(
        model="gpt-4o",
        name="Data Analyst",
        instructions="You are a data analyst.",
        temperature=0.1,
        tools=[CODE, SEARCH],
    )
    thread = client.beta.threads.create()
    documents = [upload(client, name) for name in ("notes.md", "notes.txt")]
    table = upload(client, "sales.csv", b"a,b\n1,2\n")
    client.beta.threads.messages.create(
        thread.id,
        role="user",
        content="What do the notes say?",
        attachments=[
            *({"file_id": each, "tools": [CODE, SEARCH]} for each in documents),
            {"file_id": table, "tools": [CODE]},
        ],
    )
    upstream.code("import os; print(sorted(os.listdir('/mnt/data'))[:3])")
    upstream.function("file_search", QUERY)
    upstream.say("Buy milk【4:0†notes.md】.")
    with client.beta.threads.runs.stream(thread_id=thread.id, assistant_id=assistant.id) as stream:
        stream.until_done()
        (message,) = stream.get_final_messages()[-1:]
    assert [note.type for note in message.content[0].text.annotations] == ["file_citation"]  # type: ignore[union-attr]
    resources = client.beta.threads.retrieve(thread.id).tool_resources
    assert resources
    assert resources.code_interpreter
    assert resources.code_interpreter.file_ids == [*documents, table]
    assert resources.file_search
    (store_id,) = resources.file_search.vector_store_ids or []
    assert {each.id for each in client.vector_stores.files.list(store_id)} == set(documents)


def test_a_page_that_keeps_the_files_of_one_assistant(client: OpenAI, upstream: Upstream) -> None:
    """As the assistants quickstart: the store is found through the assistant, else made; files come and go."""
    assistant = client.beta.assistants.create(
        model="gpt-4o",
        name="Quickstart Assistant",
        instructions="You are a helpful assistant.",
        tools=[CODE, weather(), SEARCH],
    )

    def find_store() -> str:
        resources = client.beta.assistants.retrieve(assistant.id).tool_resources
        search = resources and resources.file_search
        if search and search.vector_store_ids:
            return search.vector_store_ids[0]
        made = client.vector_stores.create(name="sample-assistant-vector-store")
        client.beta.assistants.update(
            assistant.id, tool_resources={"file_search": {"vector_store_ids": [made.id]}}
        )
        return made.id

    store = find_store()
    assert find_store() == store
    file = upload(client, "notes.md")
    client.vector_stores.files.create_and_poll(file, vector_store_id=store)
    shown = [
        (
            client.files.retrieve(each.id).filename,
            client.vector_stores.files.retrieve(each.id, vector_store_id=store).status,
        )
        for each in client.vector_stores.files.list(store)
    ]
    assert shown == [("notes.md", "completed")]
    thread = client.beta.threads.create()
    client.beta.threads.messages.create(thread.id, role="user", content="What do the notes say?")
    upstream.function("file_search", QUERY)
    upstream.say("Buy milk【4:0†notes.md】.")
    names = [
        event.event
        for event in client.beta.threads.runs.create(
            thread_id=thread.id, assistant_id=assistant.id, stream=True
        )
    ]
    assert names[-1] == "thread.run.completed"
    client.vector_stores.files.delete(file, vector_store_id=store)
    assert client.vector_stores.files.list(store).data == []


class Handler(AssistantEventHandler):
    """Puts a footnote in the place of each citation, as a chat on a page does."""

    def __init__(self, client: OpenAI) -> None:
        super().__init__()
        self.client = client
        self.shown = ""
        self.notes: list[str] = []
        self.tools: list[str] = []

    @override
    def on_tool_call_created(self, tool_call: Any) -> None:
        self.tools.append(tool_call.type)

    @override
    def on_text_done(self, text: Any) -> None:
        value = text.value
        for index, annotation in enumerate(text.annotations):
            value = value.replace(annotation.text, f" [{index}]")
            if cited := getattr(annotation, "file_citation", None):
                name = self.client.files.retrieve(cited.file_id).filename
                self.notes.append(f"[{index}] {name}")
        self.shown += value


def test_a_page_that_attaches_every_upload_for_both_tools(
    client: OpenAI, upstream: Upstream
) -> None:
    """As the Streamlit page for assistants: a picture, too; its handler makes footnotes of citations."""
    assistant = client.beta.assistants.create(model="gpt-4o", tools=[CODE, SEARCH])
    thread = client.beta.threads.create()
    files = [
        upload(client, "notes.txt"),
        upload(client, "chart.png", b"\x89PNG\r\n\x1a\n" + bytes(64)),
        upload(client, "sales.xlsx", b"PK\x03\x04" + bytes(64)),
    ]
    for each in files:
        client.beta.threads.messages.create(
            thread_id=thread.id,
            role="user",
            content="What do the notes say?",
            attachments=[{"file_id": each, "tools": [CODE, SEARCH]}],
        )
    upstream.function("file_search", QUERY)
    upstream.say("Buy milk", "【4:0†notes", ".txt】", ".")
    handler = Handler(client)
    with client.beta.threads.runs.stream(
        thread_id=thread.id, assistant_id=assistant.id, event_handler=handler
    ) as stream:
        stream.until_done()
    assert handler.tools == ["file_search"]
    assert handler.shown == "Buy milk [0]."
    assert handler.notes == ["[0] notes.txt"]


def test_a_notebook_that_adds_search_and_then_functions(client: OpenAI, upstream: Upstream) -> None:
    """As the cookbook's overview of the API: tools are added one after the other to one assistant."""
    assistant = client.beta.assistants.create(
        model="gpt-4o", name="Math Tutor", instructions="You are a personal math tutor."
    )
    store = client.vector_stores.create(name="language_models_are_unsupervised_multitask_learners")
    batch = client.vector_stores.file_batches.upload_and_poll(
        vector_store_id=store.id, files=[("paper.md", b"The cool math concept is attention.")]
    )
    assert batch.status == "completed"
    assistant = client.beta.assistants.update(
        assistant.id,
        tools=[CODE, SEARCH],
        tool_resources={"file_search": {"vector_store_ids": [store.id]}},
    )
    upstream.function("file_search", {"queries": ["cool math concepts in the paper"]})
    upstream.say("Attention【4:0†paper.md】.")
    run = client.beta.threads.create_and_run_poll(
        assistant_id=assistant.id,
        thread={"messages": [{"role": "user", "content": "What are some cool math concepts?"}]},
    )
    assert run.status == "completed"
    steps = client.beta.threads.runs.steps.list(
        run_id=run.id,
        thread_id=run.thread_id,
        order="asc",
        include=["step_details.tool_calls[*].file_search.results[*].content"],
    )
    (call,) = steps.data[0].step_details.tool_calls  # type: ignore[union-attr]
    assert call.file_search.results[0].content[0].text == "The cool math concept is attention."  # type: ignore[union-attr,index]
    assistant = client.beta.assistants.update(assistant.id, tools=[CODE, SEARCH, weather("quiz")])
    assert [tool.type for tool in assistant.tools] == [
        "code_interpreter",
        "file_search",
        "function",
    ]
    upstream.function("quiz", {"city": "x"})
    upstream.say("You did well.")
    run = client.beta.threads.create_and_run_poll(
        assistant_id=assistant.id,
        thread={"messages": [{"role": "user", "content": "Make a quiz."}]},
    )
    assert run.status == "requires_action"
    assert run.required_action
    (wanted,) = run.required_action.submit_tool_outputs.tool_calls
    run = client.beta.threads.runs.submit_tool_outputs_and_poll(
        run_id=run.id,
        thread_id=run.thread_id,
        tool_outputs=[{"tool_call_id": wanted.id, "output": '["a"]'}],
    )
    assert run.status == "completed"


def test_a_chat_that_names_both_tools_and_has_no_files(client: OpenAI, upstream: Upstream) -> None:
    """As a chat within a drawing program: it names file search and never gives it a file."""
    assistant = client.beta.assistants.create(
        model="gpt-4o", instructions="You know the building.", tools=[CODE, SEARCH]
    )
    thread = client.beta.threads.create()
    client.beta.threads.messages.create(thread_id=thread.id, role="user", content="How many doors?")
    upstream.code("print(6 * 7)")
    upstream.say("42 doors.")
    run = client.beta.threads.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id)
    assert run.status == "completed"
    offered = [tool["function"]["name"] for tool in upstream.requests[0].body["tools"]]
    assert offered == ["python"]
    (message,) = client.beta.threads.messages.list(thread.id, run_id=run.id).data
    assert message.content[0].text.value == "42 doors."  # type: ignore[union-attr]
