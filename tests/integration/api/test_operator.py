"""What operators read with an admin key: the hosted admin paths by the official SDK, and `/assistd/admin`."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openai import BadRequestError, OpenAI

from tests.live.server import Server, wait_until
from tests.live.tenants import client_of, new_admin_key, new_project
from tests.live.wire import Wire
from tests.upstream import Upstream

CANARY = "canary-7Q"
PATHS = ("live", "projects", "servers", "doctor", "upstreams", "upstreams?probe=true")


@pytest.fixture
def admin_key(server: Server) -> str:
    """A key that opens the organization."""
    return new_admin_key(server)


@pytest.fixture
def admin(server: Server, admin_key: str) -> Iterator[OpenAI]:
    """The official SDK with an admin key."""
    with OpenAI(api_key="none", admin_api_key=admin_key, base_url=server.url) as client:
        yield client


@pytest.fixture
def look(server: Server, admin_key: str, wire: Wire) -> Iterator[httpx.Client]:
    """A client of `/assistd/admin` with an admin key."""
    with client_of(server, admin_key, wire) as client:
        client.base_url = httpx.URL(server.url).join("/assistd/admin/")
        yield client


def of_project(rows: list[dict[str, Any]], project_id: str) -> list[dict[str, Any]]:
    return [each for each in rows if each["project_id"] == project_id]


def test_the_official_sdk_reads_projects_with_their_keys_and_limits(
    admin: OpenAI, server: Server
) -> None:
    project_id, key = new_project(server, "seen blue", requests=600)
    projects = admin.admin.organization.projects
    assert [each.name for each in projects.list(limit=1) if each.id == project_id] == ["seen blue"]
    assert projects.retrieve(project_id).status == "active"
    (found,) = projects.api_keys.list(project_id)
    assert found.redacted_value == f"sk-***{key[-4:]}"
    assert projects.api_keys.retrieve(found.id, project_id=project_id).id == found.id
    (limit,) = projects.rate_limits.list_rate_limits(project_id)
    assert limit.max_requests_per_1_minute == 600


def test_the_official_sdk_reads_admin_keys_without_their_secrets(
    admin: OpenAI, admin_key: str
) -> None:
    found = list(admin.admin.organization.admin_api_keys.list(order="desc", limit=100))
    assert f"sk-***{admin_key[-4:]}" in [each.redacted_value for each in found]
    assert admin_key not in repr(found)
    assert admin.admin.organization.admin_api_keys.retrieve(found[0].id).id == found[0].id


@pytest.mark.parametrize("door", ["assistants", "responses"])
def test_the_official_sdk_reads_what_models_read_and_wrote(
    admin: OpenAI, server: Server, upstream: Upstream, door: str
) -> None:
    project_id, key = new_project(server)
    with OpenAI(api_key=key, base_url=server.url) as client:
        client.models.list()  # from now on the upstream's names are known
        upstream.say("Hello", when="Hi")
        ask(client, door, "gpt-4o")
        upstream.say("Hello", when="Hi")
        ask(client, door, CANARY)
    now = int(time.time())

    def read() -> list[Any]:
        found = admin.admin.organization.usage.completions(
            start_time=now - 3600,
            project_ids=[project_id],
            group_by=["model", "project_id", "api_key_id"],
        )
        return [each for bucket in found.data for each in bucket.results]

    # Each process writes down every few seconds what it counted.
    wait_until(lambda: len(read()) == 2, "what another process counted")
    results = read()
    assert {each.model for each in results} == {"gpt-4o", "other"}  # type: ignore[union-attr]
    for each in results:
        assert each.object == "organization.usage.completions.result"
        assert each.num_model_requests == 1
        assert each.input_tokens > 0
        assert each.output_tokens > 0
        assert (each.api_key_id or "").startswith("key_")


def ask(client: OpenAI, door: str, model: str) -> None:
    if door == "responses":
        assert client.responses.create(model=model, input="Hi").status == "completed"
        return
    assistant = client.beta.assistants.create(model=model)
    thread = client.beta.threads.create(messages=[{"role": "user", "content": "Hi"}])
    run = client.beta.threads.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id)
    assert run.status == "completed", run.last_error


def test_what_clients_ask_of_models_themselves_is_usage_like_that_of_runs(
    admin: OpenAI, server: Server, upstream: Upstream
) -> None:
    project_id, key = new_project(server)
    hi: Any = [{"role": "user", "content": "Hi"}]
    with OpenAI(api_key=key, base_url=server.url, max_retries=0) as client:
        assert client.models.list().data  # from now on the upstream's names are known
        chat = client.chat.completions
        assert chat.create(model="gpt-4o", messages=hi).choices
        asked: Any = {"model": "gpt-4o", "messages": hi, "stream": True}
        assert list(chat.create(**asked, stream_options={"include_usage": True}))
        assert list(chat.create(**asked))  # which the upstream does not tell the cost of
        upstream.error(400, "Not that.")
        with pytest.raises(BadRequestError):
            chat.create(model="gpt-4o", messages=hi)
        assert chat.create(model=CANARY, messages=hi).choices

    def read() -> dict[str, tuple[int, int, int, int]]:
        found = admin.admin.organization.usage.completions(
            start_time=int(time.time()) - 3600, project_ids=[project_id], group_by=["model"]
        )
        return {
            str(each.model): (  # type: ignore[union-attr]
                each.num_model_requests,  # type: ignore[union-attr]
                each.input_tokens,  # type: ignore[union-attr]
                each.output_tokens,  # type: ignore[union-attr]
                each.input_cached_tokens,  # type: ignore[union-attr]
            )
            for bucket in found.data
            for each in bucket.results
        }

    # An answer is counted when it has left, which is after its client has it.
    told = {"gpt-4o": (3, 40, 20, 8), "other": (1, 20, 10, 4)}
    wait_until(lambda: read() == told, "all answers are counted")


def test_an_operator_sees_on_which_day_a_key_was_last_used(
    admin: OpenAI, server: Server, admin_key: str
) -> None:
    today = int(time.time()) // 86_400 * 86_400
    project_id, key = new_project(server)
    list_keys = admin.admin.organization.projects.api_keys.list
    (before,) = list_keys(project_id)
    with OpenAI(api_key=key, base_url=server.url) as client:
        client.models.list()
    (after,) = list_keys(project_id)
    assert (before.last_used_at, after.last_used_at in {today, today + 86_400}) == (None, True)
    keys = admin.admin.organization.admin_api_keys.list(order="desc", limit=100)
    (own,) = [each for each in keys if each.redacted_value == f"sk-***{admin_key[-4:]}"]
    assert own.last_used_at in {today, today + 86_400}


@pytest.mark.parametrize("path", PATHS)
def test_keys_of_projects_are_told_to_use_an_admin_key(
    server: Server, wire: Wire, path: str
) -> None:
    _, key = new_project(server)
    with client_of(server, key, wire) as client:
        answer = client.get(f"{httpx.URL(server.url).join('/assistd/admin/')}{path}")
    assert answer.status_code == 403
    assert "It takes an admin key" in answer.json()["error"]["message"]


def test_an_operator_sees_sessions_runs_and_projects_at_their_limits_but_never_content(
    server: Server, upstream: Upstream, look: httpx.Client
) -> None:
    project_id, key = new_project(server, "seen green", runs=1, sessions=1)
    with OpenAI(api_key=key, base_url=server.url) as client:
        file = client.files.create(file=(f"{CANARY}.txt", CANARY.encode()), purpose="assistants")
        assistant = client.beta.assistants.create(
            model=f"{CANARY}-model",
            name=CANARY,
            instructions=CANARY,
            tools=[{"type": "code_interpreter"}],
            metadata={CANARY: CANARY},
        )
        thread = client.beta.threads.create(
            messages=[{"role": "user", "content": CANARY}],
            tool_resources={"code_interpreter": {"file_ids": [file.id]}},
        )
        upstream.code(f"print('{CANARY}')")
        held = upstream.hold("a", "b")
        run = client.beta.threads.runs.create(thread.id, assistant_id=assistant.id)
        held.wait_reached()
        live: dict[str, Any] = {}

        def is_told() -> bool:
            """Look; of several processes, one tells of the sessions, to the others every few seconds."""
            live.update(look.get("live").json())
            return bool(of_project(live["sessions"], project_id))

        wait_until(is_told, "the session")
        said = [look.get(path).text for path in PATHS]
        held.release()
        client.beta.threads.runs.poll(run.id, thread_id=thread.id)
    (seen,) = [each for each in of_project(live["runs"], project_id) if each["id"] == run.id]
    assert (seen["status"], seen["backend"]) == ("in_progress", "upstream")
    assert (seen["model"], seen["project_name"]) == ("other", "seen green")
    sessions = of_project(live["sessions"], project_id)
    (session,) = [each for each in sessions if each["key"] == thread.id]
    assert session["memory_bytes"] > 0
    assert server.workers or session["server_id"] == seen["server_id"]
    (project,) = [each for each in json.loads(said[1])["data"] if each["id"] == project_id]
    assert (project["limits"]["runs"], project["use"]["runs"]) == (1, 1)
    assert (project["limits"]["sessions"], project["use"]["sessions"]) == (1, 1)
    assert project["use"]["storage_bytes"] == len(CANARY)
    assert CANARY not in json.dumps([live, *said])


def test_who_waits_for_a_session_stands_in_the_queue(
    server: Server, upstream: Upstream, look: httpx.Client
) -> None:
    project_id, key = new_project(server, "seen narrow", sessions=1)
    with OpenAI(api_key=key, base_url=server.url) as client:
        assistant = client.beta.assistants.create(
            model="direct", tools=[{"type": "code_interpreter"}]
        )
        holder, waiter = (
            client.beta.threads.create(
                messages=[
                    {"role": "user", "content": "```python\nimport time; time.sleep(30)\n```"}
                ]
            ).id
            for _ in range(2)
        )

        def start(thread_id: str, part: str) -> tuple[str, list[dict[str, Any]]]:
            """Start a run in the thread and wait until `part` of what lives names the project."""
            run = client.beta.threads.runs.create(thread_id, assistant_id=assistant.id)
            until = time.monotonic() + 20
            found: list[dict[str, Any]] = []
            while not found and time.monotonic() < until:
                found = of_project(look.get("live").json()[part], project_id)
            return run.id, found

        holding, _ = start(holder, "sessions")
        queued, queue = start(waiter, "queue")
        for thread_id, run_id in ((waiter, queued), (holder, holding)):
            client.beta.threads.runs.cancel(run_id, thread_id=thread_id)
    (waiting,) = [each for each in queue if each["key"] == waiter]
    assert waiting["project_name"] == "seen narrow"


def test_a_server_says_what_it_is_and_which_walls_it_found(look: httpx.Client) -> None:
    # Beside it, for a while, stand those that other tests killed.
    jails = [each["jail"] for each in look.get("servers").json()["data"] if not each["is_silent"]]
    assert jails
    assert all(jails)
    until = time.monotonic() + 20
    walls: list[dict[str, Any]] = []
    while not walls and time.monotonic() < until:
        walls = [wall for each in look.get("doctor").json()["data"] for wall in each["walls"]]
    assert all(each["stands"] for each in walls if each["is_required"])


def test_an_upstream_is_known_by_what_it_last_answered(
    server: Server, upstream: Upstream, look: httpx.Client
) -> None:
    def count(**query: bool) -> int:
        """Each process of a server has a row."""
        return sum(each["successes"] for each in look.get("upstreams", params=query).json()["data"])

    before = count()
    assert count(probe=True) > before  # what earlier tests left under way is counted, too
    rows = look.get("upstreams").json()["data"]
    found = max(rows, key=lambda each: each["answered_at"] or 0)
    assert (found["backend"], found["host"]) == (
        "upstream",
        httpx.URL(upstream.url).netloc.decode(),
    )
    assert found["answered_at"] > time.time() - 60


def test_an_operator_sees_how_many_requests_a_project_has_used_up(
    server: Server, look: httpx.Client
) -> None:
    limited, key = new_project(server, requests=2)
    free, _ = new_project(server)
    with OpenAI(api_key=key, base_url=server.url, max_retries=0) as client:
        client.models.list()
        client.models.list()
    use = {each["id"]: each["use"] for each in look.get("projects").json()["data"]}
    assert (use[limited]["requests"], use[free]["requests"]) == (2, None)
