"""What only this server has: the list of threads, what the server says of itself, and sessions of threads."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from assistd import __version__
from tests.acceptance.conftest import weather
from tests.live.fixtures import StartServer
from tests.live.server import Server, named, running, wait_until
from tests.live.tenants import client_of, new_admin_key, new_project
from tests.live.wire import Wire
from tests.upstream import Upstream

CODE = {"role": "user", "content": "```python\nx = bytearray(20_000_000)\nprint(6 * 7)\n```"}
TOOLS = [{"type": "code_interpreter"}]


class Own:
    """A client of what stands below /assistd, with the key of a project of its own.

    Args:
        client: of /v1.
        server: who is asked.
    """

    def __init__(self, client: httpx.Client, server: Server) -> None:
        self.client = client
        self.server = server
        self.root = server.url.removesuffix("/v1")

    def ask(self, method: str, path: str, **query: object) -> Any:
        """The answer, which is no error."""
        answer = self.client.request(method, f"{self.root}/assistd/{path}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def make(self, path: str, **body: Any) -> str:
        """Make an object; its id."""
        answer = self.client.post(path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()["id"]

    def run(self, thread: str, **assistant: Any) -> str:
        """Run an assistant on a thread until it has ended, or waits."""
        made = self.make("assistants", **{"model": "direct", "tools": TOOLS, **assistant})
        run = self.make(f"threads/{thread}/runs", assistant_id=made)
        path = f"threads/{thread}/runs/{run}"
        over = {"completed", "requires_action"}
        wait_until(lambda: self.client.get(path).json()["status"] in over, "the end of the run")
        return run

    def titles(self, **query: object) -> list[str | None]:
        """The titles of the threads that are listed."""
        return [each["title"] for each in self.ask("GET", "threads", **query)["data"]]


@pytest.fixture
def own(server: Server, wire: Wire) -> Iterator[Own]:
    with client_of(server, new_project(server)[1], wire) as client:
        yield Own(client, server)


def say(text: str, role: str = "user") -> dict[str, str]:
    return {"role": role, "content": text}


@pytest.mark.every_backend
def test_the_threads_of_a_project_are_listed_in_pages(own: Own) -> None:
    made = [own.make("threads") for _ in range(5)]
    own.client.delete(f"threads/{made[1]}")
    left = [made[0], *made[2:]]
    first = own.client.get("threads", params={"limit": 3}).json()
    assert [each["id"] for each in first["data"]] == left[:0:-1]
    assert first["has_more"]
    assert first["data"][0] == own.client.get(f"threads/{made[4]}").json() | {"tool_resources": {}}
    rest = own.client.get("threads", params={"after": first["last_id"]}).json()
    assert [each["id"] for each in rest["data"]] == left[:1]
    oldest = own.client.get("threads", params={"order": "asc", "before": made[3]}).json()
    assert [each["id"] for each in oldest["data"]] == [made[0], made[2]]


@pytest.mark.every_backend
def test_threads_are_listed_by_their_last_use_with_titles_and_counts(own: Own) -> None:
    first = own.make("threads", messages=[say("Hello", "assistant"), say("  Plot\nthe revenue ")])
    own.make("threads", metadata={"title": "Named"}, messages=[say("Not shown")])
    own.make("threads")
    own.make("threads", messages=[say("x" * 80)])
    assert own.titles() == ["x" * 60, None, "Named", "Plot the revenue"]
    own.client.post(f"threads/{first}/messages", json=CODE)
    own.run(first)
    newest = own.ask("GET", "threads", limit=1)
    assert newest["has_more"]
    (found,) = newest["data"]
    thread = own.client.get(f"threads/{first}").json()
    assert found == {
        "id": first,
        "object": "assistd.thread",
        "title": "Plot the revenue",
        "created_at": thread["created_at"],
        "last_active_at": found["last_active_at"],
        "active_run": None,
        "runs": 1,
        "messages": 4,
    }
    assert found["last_active_at"] >= thread["created_at"]


@pytest.mark.every_backend
def test_pages_of_threads_follow_one_another_and_words_are_found_in_titles(own: Own) -> None:
    ids = [own.make("threads", messages=[say(f"Größe {n} of 100%")]) for n in range(7)]
    seen: list[str] = []
    page = own.ask("GET", "threads", limit=3)
    while page["data"]:
        seen += [each["id"] for each in page["data"]]
        page = own.ask("GET", "threads", limit=3, after=page["last_id"])
    assert seen == ids[::-1]
    assert own.titles(q="GRÖSSE 3") == ["Größe 3 of 100%"]
    assert own.titles(q=ids[2]) == ["Größe 2 of 100%"]
    assert own.titles(q="100%", limit=2) == ["Größe 6 of 100%", "Größe 5 of 100%"]
    assert own.titles(q="100_") == []
    refused = own.client.get(f"{own.root}/assistd/threads", params={"after": "thread_x"})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "after")


def test_the_run_that_locks_a_thread_is_named_in_the_list(own: Own, upstream: Upstream) -> None:
    thread = own.make("threads", messages=[say("Weather?")])
    upstream.function("get_weather", {"city": "Paris"})
    run = own.run(thread, model="gpt-4o", tools=[weather()])
    assert own.ask("GET", "threads")["data"][0]["active_run"] == run


def test_anybody_gets_the_version_and_who_has_a_key_the_rest(
    own: Own, server: Server, wire: Wire
) -> None:
    version = {"object": "assistd.info", "version": __version__}
    assert httpx.get(f"{own.root}/assistd/info").json() == version
    own.run(own.make("threads", messages=[CODE]))  # by now the jail is known
    info = own.ask("GET", "info")
    assert info == info | version
    assert info["jail"] in {"namespaces", "landlock", "gvisor"}
    assert info["session_price"] == 0.03
    assert info["limits"]["session_seconds"] == 3600
    assert info["limits"]["active_runs"] is None
    assert info["features"] == {"docs": False, "playground": True}
    assert {"direct", "gpt-4o"} <= {*info["models"]}
    assert info["builtin_model"] is False
    with client_of(server, new_project(server, runs=7)[1], wire) as client:
        assert Own(client, server).ask("GET", "info")["limits"]["active_runs"] == 7
    for key, status in (("sk-nobodys", 401), (new_admin_key(server), 403)):
        with client_of(server, key, wire) as client:
            assert client.get(f"{own.root}/assistd/info").status_code == status


def test_a_session_is_seen_and_ended_and_files_stay(own: Own) -> None:
    thread = own.make("threads")
    path = f"threads/{thread}/session"
    nothing = own.ask("GET", path)
    assert (nothing["status"], nothing["id"], nothing["price"]) == ("none", None, 0)
    compute = "sum(range(5_000_000))"  # the kernel counts in ticks of 10 ms
    write = (
        f"```python\n{compute}\nx = bytearray(20_000_000)\nopen('a.txt', 'w').write('kept')\n```"
    )
    own.client.post(f"threads/{thread}/messages", json=say(write))
    own.run(thread)
    live = own.ask("GET", path)
    assert live["status"] == "live"
    assert live["id"].startswith("sess_")
    assert 3500 < live["ends_at"] - live["opened_at"] <= 3600
    assert (live["billed"], live["price"]) == (True, 0.03)
    assert 20_000_000 < live["memory_bytes"] < live["memory_limit_bytes"]
    assert live["cpu_seconds"] > 0
    assert live["jail"] in {"namespaces", "landlock", "gvisor"}
    assert own.ask("DELETE", path) == nothing
    assert own.ask("DELETE", path) == nothing
    read = "```python\nprint(open('a.txt').read(), 'x' in globals())\n```"
    own.client.post(f"threads/{thread}/messages", json=say(read))
    run = own.run(thread)
    steps = own.client.get(f"threads/{thread}/runs/{run}/steps", params={"order": "asc"}).json()
    assert "kept False" in str(steps)
    again = own.ask("GET", path)
    assert (again["status"], again["billed"], again["price"]) == ("live", False, 0)
    assert again["id"] != live["id"]


def test_the_session_of_a_container_is_seen_and_ended(own: Own) -> None:
    tools = [{"type": "code_interpreter", "container": {"type": "auto"}}]
    said = {"model": "direct", "input": CODE["content"], "tools": tools}
    made = own.client.post("responses", json=said).json()
    container = next(each["container_id"] for each in made["output"] if "container_id" in each)
    path = f"containers/{container}/session"
    assert own.ask("GET", path)["status"] == "live"
    assert own.ask("DELETE", path)["status"] == "none"


def test_a_session_of_another_server_is_seen_there_and_ended_from_here(
    start_server: StartServer, wire: Wire
) -> None:
    one = start_server()
    other = start_server(beside=one)
    key = new_project(one)[1]
    with client_of(one, key, wire) as client, client_of(other, key, wire) as far:
        here, there = Own(client, one), Own(far, other)
        code = named("its_code", "x = 1")
        said = {"role": "user", "content": f"```python\n{code}\n```"}
        thread = here.make("threads", messages=[said])
        here.run(thread)
        assert running(one, "its_code")
        path = f"threads/{thread}/session"
        seen = there.ask("GET", path)
        assert (seen["status"], seen["memory_bytes"], seen["price"]) == ("elsewhere", None, 0.03)
        assert there.ask("DELETE", path)["status"] == "none"
        wait_until(lambda: "session ended" in one.log, "the end of the session")
        assert here.ask("GET", path)["status"] == "none"
        wait_until(lambda: not running(one, "its_code"), "the end of its process")


def names(timeline: dict[str, Any]) -> list[str]:
    """The names of its spans, in order."""
    return [each["name"] for each in timeline["spans"]]


CALL = ["tool", "session_claim", "put", "exec", "harvest"]
TURN = ["prompt", "model_wait", "model"]


@pytest.mark.every_backend
def test_the_timeline_of_a_run_tells_where_its_time_went(own: Own, upstream: Upstream) -> None:
    thread = own.make("threads", messages=[say("Compute.")])
    upstream.code("import time\ntime.sleep(0.2)")
    upstream.code("1 / 0")
    upstream.say("Done.")
    run = own.run(thread, model="gpt-4o")
    timeline = own.ask("GET", f"threads/{thread}/runs/{run}/timeline")
    assert (timeline["object"], timeline["id"]) == ("assistd.timeline", run)
    assert timeline["queue_position"] is None
    created = own.client.get(f"threads/{thread}/runs/{run}").json()["created_at"]
    assert created <= timeline["began_at"] < created + 2
    assert names(timeline) == ["queued", *TURN, *CALL, *TURN, *CALL, *TURN]
    spans = timeline["spans"]
    assert spans[0]["start"] == 0
    assert all(each["start"] <= each["end"] for each in spans)
    assert [each["start"] for each in spans] == sorted(each["start"] for each in spans)
    assert [each["turn"] for each in spans] == [0, *[1] * 8, *[2] * 8, *[3] * 3]
    cells = [each for each in spans if each["name"] == "exec"]
    assert cells[0]["end"] - cells[0]["start"] >= 200
    assert [each["outcome"] for each in cells] == ["ok", "error"]
    assert {each.get("tool") for each in spans if each["name"] == "tool"} == {"code_interpreter"}
    assert [each["reason"] for each in timeline["turns"]] == ["tool_calls", "tool_calls", "stop"]
    usage = own.client.get(f"threads/{thread}/runs/{run}").json()["usage"]
    for kind in ("prompt_tokens", "completion_tokens"):
        assert sum(each[kind] for each in timeline["turns"]) == usage[kind] > 0
    told = own.server.command("runs", "show", run)
    assert [line for line in told.splitlines() if "exec" in line and "error" in line]
    assert told.count("model_wait") == 3
    tokens = f"{usage['prompt_tokens']} tokens in, {usage['completion_tokens']} out"
    assert f"completed; 3 answers of the model, {tokens}" in told


def test_a_timeline_grows_while_the_run_is_under_way(own: Own, upstream: Upstream) -> None:
    thread = own.make("threads", messages=[say("Hello.")])
    gate = upstream.hold("Hel", "lo")
    assistant = own.make("assistants", model="gpt-4o")
    run = own.make(f"threads/{thread}/runs", assistant_id=assistant)
    path = f"threads/{thread}/runs/{run}/timeline"
    wait_until(lambda: "model" in names(own.ask("GET", path)), "the first word")
    live = own.ask("GET", path)
    assert names(live) == ["queued", *TURN]
    assert "end" not in live["spans"][-1]
    gate.release()
    wait_until(lambda: own.ask("GET", path)["turns"], "the end")
    assert own.ask("GET", path)["spans"][-1]["end"] > live["spans"][-1]["start"]


def test_a_run_that_waited_for_its_client_has_one_timeline(own: Own, upstream: Upstream) -> None:
    thread = own.make("threads", messages=[say("Weather?")])
    upstream.function("get_weather", {"city": "Paris"})
    run = own.run(thread, model="gpt-4o", tools=[weather()])
    here = f"threads/{thread}/runs/{run}"
    before = own.ask("GET", f"{here}/timeline")
    assert names(before) == ["queued", *TURN]
    action = own.client.get(here).json()["required_action"]
    call = action["submit_tool_outputs"]["tool_calls"][0]["id"]
    outputs = {"tool_outputs": [{"tool_call_id": call, "output": "sunny"}]}
    own.client.post(f"{here}/submit_tool_outputs", json=outputs)
    wait_until(lambda: own.client.get(here).json()["status"] == "completed", "the end")
    after = own.ask("GET", f"{here}/timeline")
    assert names(after) == ["queued", *TURN, "client", *TURN]
    assert after["spans"][:4] == before["spans"]
    assert after["began_at"] == before["began_at"]
    assert [each["turn"] for each in after["turns"]] == [1, 2]


def test_what_a_failed_run_was_at_is_told(own: Own, upstream: Upstream) -> None:
    thread = own.make("threads", messages=[say("Hello.")])
    upstream.error(400, "no")
    assistant = own.make("assistants", model="gpt-4o")
    run = own.make(f"threads/{thread}/runs", assistant_id=assistant)
    here = f"threads/{thread}/runs/{run}"
    wait_until(lambda: own.client.get(here).json()["status"] == "failed", "the end")
    last = own.ask("GET", f"{here}/timeline")["spans"][-1]
    assert (last["name"], last["outcome"]) == ("model_wait", "ModelError")


def test_a_run_in_line_for_a_session_knows_how_many_come_before(
    start_server: StartServer, wire: Wire
) -> None:
    server = start_server(max_sessions=1)
    with client_of(server, new_project(server)[1], wire) as client:
        own = Own(client, server)
        slow = say("```python\nimport time\ntime.sleep(30)\n```")
        assistant = own.make("assistants", model="direct", tools=TOOLS)
        paths: list[str] = []
        for _ in range(3):
            thread = own.make("threads", messages=[slow])
            run = own.make(f"threads/{thread}/runs", assistant_id=assistant)
            paths.append(f"threads/{thread}/runs/{run}")
            place = "exec" if len(paths) == 1 else "session_claim"

            def has_come(at: str = paths[-1], place: str = place) -> bool:
                return names(own.ask("GET", f"{at}/timeline"))[-1] == place

            wait_until(has_come, place)
        found = [own.ask("GET", f"{path}/timeline")["queue_position"] for path in paths]
        assert found == [None, 0, 1]
        for path in paths:
            client.post(f"{path}/cancel")


def test_a_response_has_a_timeline_too(own: Own, upstream: Upstream) -> None:
    upstream.say("Hello.")
    response = own.make("responses", model="gpt-4o", input="Hello?")
    timeline = own.ask("GET", f"responses/{response}/timeline")
    assert names(timeline) == ["queued", *TURN]
    assert timeline["turns"][0]["completion_tokens"] > 0


def test_a_response_that_was_cancelled_keeps_its_timeline(own: Own, upstream: Upstream) -> None:
    upstream.hold("Hel", "lo")
    response = own.make("responses", model="gpt-4o", input="Hello?", background=True)
    path = f"responses/{response}/timeline"
    wait_until(lambda: "model" in names(own.ask("GET", path)), "the first word")
    assert own.client.post(f"responses/{response}/cancel").json()["status"] == "cancelled"
    wait_until(lambda: own.ask("GET", path)["spans"][-1].get("end"), "the end")
    assert names(own.ask("GET", path)) == ["queued", *TURN]
    assert own.ask("GET", path)["spans"][-1]["outcome"] == "CancelledError"
