"""Containers of responses: reused, never mixed up, metered, expired, deleted (contract, responses, section 7)."""

import base64
import threading
import time
from collections.abc import Iterable
from typing import Any

import httpx
import pytest
from openai import APIError, BadRequestError, NotFoundError, OpenAI
from openai.types.responses import Response, ResponseCodeInterpreterToolCall
from sqlalchemy import Connection

from assistd.db import nouns
from assistd.db.transaction import transaction
from tests.integration.responses.conversing import CODE, OUTPUTS, ask, refuse
from tests.live.fixtures import ConnectClient, StartServer
from tests.live.server import Server, wait_until
from tests.live.tenants import client_of, database_of, new_admin_key, new_project
from tests.live.wire import Wire
from tests.upstream import Upstream

LIFE_SECONDS = 20 * 60


def run(client: OpenAI, upstream: Upstream, code: str, **body: Any) -> Response:
    """The response in which the model runs one cell, then says something."""
    upstream.code(code)
    upstream.say("Done.")
    return client.responses.create(
        **{"model": "m", "input": "Hi", "tools": CODE, "include": OUTPUTS} | body
    )


def call_of(response: Response) -> ResponseCodeInterpreterToolCall:
    """The first call of the code interpreter."""
    return next(each for each in response.output if each.type == "code_interpreter_call")


def logs_of(response: Response) -> str:
    """What its first cell printed."""
    outputs: Iterable[Any] = call_of(response).outputs or ()
    return "".join(each.logs for each in outputs if each.type == "logs")


def named(container: str) -> list[dict[str, Any]]:
    """The tool with a container of one's own."""
    return [{"type": "code_interpreter", "container": container}]


def expire(server: Server, container_id: str) -> None:
    """Have the last use of a container be as long ago as it may be."""
    with database_of(server) as database:
        database.run_sync(_turn_back, container_id)


@transaction(writes=True)
def _turn_back(connection: Connection, container_id: str) -> None:
    known = nouns.containers.get(connection, container_id)
    older = known.evolve(
        last_active_at=known.last_active_at - LIFE_SECONDS,
        lives_since=known.lives_since - LIFE_SECONDS,
    )
    nouns.containers.replace(connection, older, expires_at=older.expires_at)


def test_no_cell_no_container_no_session(server: Server, upstream: Upstream, wire: Wire) -> None:
    """What is billed is a container's life, by its tier, from the first cell on."""
    project, key = new_project(server)

    def results(path: str, *by: str) -> list[Any]:
        query = {"start_time": int(time.time()) - 3600, "project_ids[]": project, "limit": 2}
        found = admin.get(f"organization/{path}", params={**query, "group_by[]": by}).json()
        return [each for bucket in found["data"] for each in bucket["results"]]

    tool = {"type": "code_interpreter", "container": {"type": "auto", "memory_limit": "4g"}}
    sessions = "usage/code_interpreter_sessions"
    with (
        client_of(server, key, wire) as raw,
        client_of(server, new_admin_key(server), wire) as admin,
    ):
        upstream.say("No code is needed.")
        ask(raw, tools=[tool])
        assert raw.get("containers").json()["data"] == []
        assert results(sessions) == []
        assert results("costs") == []
        upstream.code("1 + 1")
        upstream.code("2 + 2")
        upstream.say("4")
        made = ask(raw, tools=[tool])
        first, second, _ = made["output"]
        assert first["container_id"] == second["container_id"]
        (container,) = raw.get("containers").json()["data"]
        assert (container["id"], container["name"]) == (first["container_id"], "auto")
        assert container["memory_limit"] == "4g"
        (counted,) = results(sessions, "project_id")
        assert (counted["num_sessions"], counted["project_id"]) == (1, project)
        (cost,) = results("costs", "line_item", "project_id")
        assert cost["line_item"] == "code interpreter sessions, 4g"
        assert (cost["amount"]["value"], cost["quantity"]) == (0.12, 1)


def test_conversations_go_on_in_their_own_containers(client: OpenAI, upstream: Upstream) -> None:
    """Responses, trap 38: through conversations, and items that the client sends."""
    one, other = client.conversations.create().id, client.conversations.create().id
    first = run(client, upstream, "x = 1", conversation=one)
    strange = run(client, upstream, "print('x' in dir())", conversation=other)
    assert logs_of(strange) == "False\n"
    assert call_of(strange).container_id != call_of(first).container_id
    again = run(client, upstream, "x += 1\nprint(x)", conversation=one)
    assert logs_of(again) == "2\n"
    assert call_of(again).container_id == call_of(first).container_id
    sent: Any = [each.model_dump(exclude_none=True) for each in first.output]
    replayed = run(
        client, upstream, "print(x)", input=[*sent, {"role": "user", "content": "?"}], store=False
    )
    assert logs_of(replayed) == "2\n"
    assert call_of(replayed).container_id == call_of(first).container_id


def test_cells_of_two_responses_in_one_container_take_turns(
    client: OpenAI, raw: httpx.Client, upstream: Upstream
) -> None:
    """Responses, trap 40: each has the files that it wrote, whoever waits behind it."""
    container = client.containers.create(name="shared").id
    run(client, upstream, "import time\nn = 0", tools=named(container))
    for name in "ab":
        code = (
            f"n += 1; mine = n; time.sleep(0.7)\nopen('/mnt/data/{name}.txt', 'w').write('{name}')\n"
            "print(mine == n)"
        )
        upstream.code(code, when=f"for {name}")
        upstream.say(f"sandbox:/mnt/data/{name}.txt", when=f"for {name}")
    found: dict[str, Any] = {}

    def respond(name: str) -> None:
        found[name] = ask(raw, input=f"for {name}", tools=named(container), include=OUTPUTS)

    threads = [threading.Thread(target=respond, args=name) for name in "ab"]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    for name in "ab":
        call, message = found[name]["output"]
        assert call["outputs"] == [{"type": "logs", "logs": "True\n"}]
        (citation,) = message["content"][0]["annotations"]
        assert citation["filename"] == f"{name}.txt"


def test_a_container_that_is_deleted_during_a_response_fails_it(
    client: OpenAI, upstream: Upstream
) -> None:
    container = client.containers.create(name="gone").id
    run(client, upstream, "import time", tools=named(container))
    upstream.code("time.sleep(60)")
    upstream.code("print('again')")
    upstream.say("Done.")
    begun = time.monotonic()
    ended: list[Any] = []

    def follow() -> None:
        events: Any = client.responses.create(
            model="m", input="Hi", tools=named(container), stream=True  # type: ignore[arg-type]
        )  # fmt: skip
        for event in events:
            if event.type == "response.code_interpreter_call.interpreting" and not ended:
                time.sleep(0.5)
                client.containers.delete(container)
            if event.type == "response.output_item.done":
                ended.append(event.item)

    with pytest.raises(APIError, match=f"The container {container} was deleted meanwhile."):
        follow()
    assert time.monotonic() - begun < 30
    assert [each.status for each in ended] == ["completed", "failed"]
    with pytest.raises(NotFoundError, match=f"Container with id '{container}' not found."):
        client.containers.retrieve(container)
    with pytest.raises(NotFoundError):
        client.responses.create(model="m", input="Hi", tools=named(container))  # type: ignore[arg-type]


def test_files_are_listed_cited_and_served_after_the_session_and_the_container_are_over(
    client: OpenAI, server: Server, upstream: Upstream
) -> None:
    table = client.files.create(file=("sales 2024.csv", b"a,b\n1,2\n"), purpose="assistants")
    upstream.code(
        f"data = open('/mnt/data/{table.id}').read()\n"
        "assert data == open('/mnt/data/sales 2024.csv').read()\n"
        "open('/mnt/data/销售 report.csv', 'w').write(data * 2)\n"
        "open('/mnt/data/notes.txt', 'w').write('not linked')\n"
        "open('/mnt/data/silent.txt', 'w').write('not told')\n"
        "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"
    )
    upstream.say("👩‍🔬 数据: [it](sandbox:/mnt/data/销售 report.csv), and notes.txt.")
    made = client.responses.create(
        model="m",
        input="Hi",
        include=["code_interpreter_call.outputs"],
        tools=[{"type": "code_interpreter", "container": {"type": "auto", "file_ids": [table.id]}}],
    )
    call, message = call_of(made), made.output[-1]
    assert message.type == "message"
    part = message.content[0]
    assert part.type == "output_text"
    picture, link, mention = part.annotations
    assert picture.type == link.type == mention.type == "container_file_citation"
    assert (picture.start_index, picture.end_index) == (0, 0)
    assert part.text[link.start_index : link.end_index] == "sandbox:/mnt/data/销售 report.csv"
    assert mention.filename == "notes.txt"
    container = call.container_id
    listed = {each.path: each for each in client.containers.files.list(container, order="asc")}
    assert {path: each.source for path, each in listed.items()} == {
        f"/mnt/data/{table.id}-sales 2024.csv": "user",
        "/mnt/data/销售 report.csv": "assistant",
        "/mnt/data/notes.txt": "assistant",
        "/mnt/data/silent.txt": "assistant",
        f"/mnt/data/{picture.file_id}.png": "assistant",
    }
    (shown,) = [each for each in call.outputs or () if each.type == "image"]
    png = base64.b64decode(shown.url.removeprefix("data:image/png;base64,"))
    expected = {
        link.file_id: b"a,b\n1,2\na,b\n1,2\n",
        mention.file_id: b"not linked",
        listed["/mnt/data/silent.txt"].id: b"not told",
        picture.file_id: png,
    }
    for file_id, data in expected.items():
        assert client.containers.files.retrieve(file_id, container_id=container).bytes == len(data)
    before = server.log.count('"event": "session ended"')
    expire(server, container)
    wait_until(
        lambda: server.log.count('"event": "session ended"') > before,
        "the session of the expired container is over",
    )
    assert client.containers.retrieve(container).status == "expired"
    for file_id, data in expected.items():
        content = client.containers.files.content.retrieve(file_id, container_id=container)
        assert content.read() == client.files.content(file_id).read() == data
    assert len(list(client.containers.files.list(container))) == len(listed)


def test_files_of_one_name_and_files_that_are_written_again(
    client: OpenAI, upstream: Upstream
) -> None:
    container = client.containers.create(name="names").id
    files = client.containers.files
    uploads = [files.create(container, file=("a b.csv", data)) for data in (b"one", b"two")]
    assert len({each.path for each in uploads}) == 2
    first = run(
        client, upstream,
        "import os\nprint(sorted(os.listdir('/mnt/data')))\n"
        f"print([open(p).read() for p in ('{uploads[0].path}', 'a b.csv', '{uploads[1].id}', 'a b-2.csv')])\n"
        "_ = open('/mnt/data/out.txt', 'w').write('old')",
        tools=named(container),
    )  # fmt: skip
    assert logs_of(first) == "['a b-2.csv', 'a b.csv']\n['one', 'one', 'two', 'two']\n"
    (out,) = [each for each in files.list(container) if each.path == "/mnt/data/out.txt"]
    run(
        client, upstream,
        "open('/mnt/data/out.txt', 'w').write('new one')\nos.remove('/mnt/data/a b.csv')",
        tools=named(container),
    )  # fmt: skip
    again = {each.id: each for each in files.list(container)}
    assert set(again) == {uploads[1].id, out.id}
    assert again[out.id].model_dump() == out.model_dump() | {"bytes": 7}
    assert files.content.retrieve(out.id, container_id=container).read() == b"new one"
    with pytest.raises(NotFoundError, match=f"File {uploads[0].id} not found on container"):
        files.retrieve(uploads[0].id, container_id=container)
    files.delete(out.id, container_id=container)
    files.delete(uploads[1].id, container_id=container)
    files.create(container, file=("a b.csv", b"three"))
    last = run(
        client, upstream,
        "print(os.listdir('/mnt/data'), open('/mnt/data/a b.csv').read())",
        tools=named(container),
    )  # fmt: skip
    assert logs_of(last) == "['a b.csv'] three\n"


def test_an_expired_container_goes_on_under_its_id(
    client: OpenAI, raw: httpx.Client, server: Server, upstream: Upstream
) -> None:
    first = run(client, upstream, "x = 1\nopen('/mnt/data/a.txt', 'w').write('kept')")
    container = call_of(first).container_id
    expire(server, container)
    assert client.containers.retrieve(container).status == "expired"
    upstream.code("print('x' in dir(), open('/mnt/data/a.txt').read())", times=2)
    upstream.say("Gone on.", times=2)
    found: list[Any] = []

    def respond() -> None:
        found.append(
            ask(raw, tools=CODE, previous_response_id=first.id, include=OUTPUTS)["output"][0]
        )

    threads = [threading.Thread(target=respond) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    assert [each["container_id"] for each in found] == [container] * 2
    assert [each["outputs"] for each in found] == [[{"type": "logs", "logs": "True kept\n"}]] * 2
    told = [str(each.body) for each in upstream.requests]
    assert any("This is a new session: variables" in each for each in told)
    assert client.containers.retrieve(container).status == "running"
    assert len(list(client.containers.files.list(container))) == 1


def test_a_strict_server_uses_no_expired_container(
    start_server: StartServer, connect: ConnectClient, upstream: Upstream
) -> None:
    server = start_server(strict_containers=True)
    client = connect(server)
    first = run(client, upstream, "x = 1")
    container = call_of(first).container_id
    expire(server, container)
    with pytest.raises(BadRequestError) as refused:
        client.responses.create(model="m", input="Hi", tools=named(container))  # type: ignore[arg-type]
    assert refused.value.body == {
        "message": "Container is expired.", "type": "invalid_request_error", "param": None, "code": None,
    }  # fmt: skip
    upstream.clear()
    second = run(client, upstream, "print('x' in dir())", previous_response_id=first.id)
    assert logs_of(second) == "False\n"
    assert call_of(second).container_id != container


def test_a_tier_limits_memory_and_the_operator_limits_tiers(
    start_server: StartServer, connect: ConnectClient, upstream: Upstream, wire: Wire
) -> None:
    server = start_server(container_memory_mib=4096)
    client = connect(server)
    fill = "held = bytearray(b'x' * (1200 << 20))\nprint(len(held) >> 20)"

    def tool(tier: str) -> Any:
        auto = {"type": "auto", "memory_limit": tier}
        return [{"type": "code_interpreter", "container": auto}]

    assert logs_of(run(client, upstream, fill, tools=tool("4g"))) == "1200\n"
    small = logs_of(run(client, upstream, fill, tools=tool("1g")))
    assert "MemoryError" in small or "memory limit of 1024 MiB" in small
    with httpx.Client(
        base_url=server.url + "/", headers={"authorization": f"Bearer {client.api_key}"}
    ) as raw:
        error = refuse(raw, tools=tool("16g"))
    assert error["param"] == "tools[0].container.memory_limit"
    assert "'4g'" in error["message"]


def test_a_thread_and_a_container_share_nothing_however_a_client_tries(
    client: OpenAI, raw: httpx.Client, upstream: Upstream
) -> None:
    upstream.code("secret = 'of the thread'\nopen('/mnt/data/thread.txt', 'w').write(secret)")
    upstream.say("Written.")
    assistant = client.beta.assistants.create(model="m", tools=[{"type": "code_interpreter"}]).id
    began: Any = {"messages": [{"role": "user", "content": "Hi"}]}
    ended = client.beta.threads.create_and_run_poll(assistant_id=assistant, thread=began)
    thread = ended.thread_id
    assert ended.status == "completed"
    assert refuse(raw, tools=named(thread))["message"] == f"Container with id '{thread}' not found."
    look = (
        "import os\nprint('secret' in dir(), os.listdir('/mnt/data'))\n"
        "secret = 'of the container'\n_ = open('/mnt/data/thread.txt', 'w').write(secret)"
    )
    claimed = {
        "type": "code_interpreter_call",
        "id": "ci_" + "0" * 50,
        "code": "1",
        "container_id": thread,
        "outputs": None,
        "status": "completed",
    }
    sent: Any = [claimed, {"role": "user", "content": "?"}]
    made = run(client, upstream, look, input=sent)
    container = call_of(made).container_id
    assert container.startswith("cntr_")
    assert logs_of(made) == "False []\n"
    (file,) = client.containers.files.list(container)
    with pytest.raises(NotFoundError):
        client.beta.threads.messages.create(
            thread,
            role="user",
            content="?",
            attachments=[{"file_id": file.id, "tools": [{"type": "code_interpreter"}]}],
        )
    for path in (f"containers/{thread}", f"containers/{thread}/files", f"threads/{container}"):
        assert raw.get(path).status_code == 404
    upstream.code(
        "print(secret, os.path.exists if 'os' in dir() else None, open('/mnt/data/thread.txt').read())"
    )
    upstream.say("Read.")
    run_ = client.beta.threads.runs.create_and_poll(assistant_id=assistant, thread_id=thread)
    (step,) = [
        each
        for each in client.beta.threads.runs.steps.list(run_.id, thread_id=thread)
        if each.type == "tool_calls"
    ]
    (output,) = step.step_details.tool_calls[0].code_interpreter.outputs  # type: ignore[union-attr]
    assert output.logs == "of the thread None of the thread\n"  # type: ignore[union-attr]
    client.containers.delete(container)
    upstream.code("print(secret)")
    upstream.say("Still there.")
    run_ = client.beta.threads.runs.create_and_poll(assistant_id=assistant, thread_id=thread)
    assert run_.status == "completed"
