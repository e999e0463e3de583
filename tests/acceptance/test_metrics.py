"""`/metrics`: every number is what happened, no client can make a series, and nothing of theirs is in it."""

import json
import random
import string
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
from openai import OpenAI

from assistd.api.asgi import _OWN, _ROUTERS
from assistd.instruments import ALL
from assistd.metrics import MOST_MODELS, MOST_SERIES
from tests.acceptance.conftest import Ask, Listener, Talk
from tests.acceptance.test_file_search import FOODS, QUERY, SEARCH, make_store, upload
from tests.live.fixtures import ConnectClient, StartServer
from tests.live.scrape import Scrape, free_address, scrape
from tests.live.server import API_KEY, Server, wait_until
from tests.live.tenants import client_of, new_admin_key, new_project
from tests.live.wire import Wire
from tests.upstream import Upstream

SECRET = "s3cr3t-of-a-user"
KNOWN = json.dumps({"known": {"backend": "upstream", "model": "gpt-4o"}})
CONTENT = b"a,b\n1,2\n"
USAGE = {"prompt_tokens": 50, "completion_tokens": 7, "total_tokens": 57}

ELSEWHERE = {
    "http_stream_given_up", "queue_waiting", "queue_oldest_seconds", "queue_wait_seconds",
    "queue_refused", "lease_takeovers", "leases_lost", "zygote_restarts", "sandbox_failures",
    "db_errors", "blobs_swept", "sandbox_hosts", "seats_taken", "seats_free",
    "files_to_hosts",
}  # fmt: skip
"""What the script does not bring about: tests of its own see that it is counted."""


def counted(start_server: StartServer, **settings: Any) -> Server:
    """A server that tells what it counted at an address of its own."""
    return start_server(**{"metrics_listen": free_address(), "models": KNOWN, **settings})


def play(server: Server, client: OpenAI, ask_at: Ask, upstream: Upstream, wire: Wire) -> Talk:
    """A run with code, one whose code fails, one that fails, an upload, a download, and searches."""
    talk = ask_at(server, model="known")
    file = client.files.create(file=("in.csv", CONTENT), purpose="assistants")
    talk.say("Go.", attachments=[{"file_id": file.id, "tools": [{"type": "code_interpreter"}]}])
    work = "sum(range(5_000_000))"  # processor time is told in ticks of 10 ms
    upstream.code(f"open('out.txt', 'w').write('12345'); {work}", usage=USAGE)
    upstream.say("See [it](sandbox:/mnt/data/out.txt).", usage=USAGE)
    assert talk.run().status == "completed"
    (annotation,) = talk.answer.content[0].text.annotations
    assert client.files.content(annotation.file_path.file_id).read() == b"12345"
    upstream.error(500)
    upstream.code("1 / 0", usage=USAGE)
    upstream.say("It cannot be.", usage=USAGE)
    talk.say("Divide.")
    assert talk.run().status == "completed"
    upstream.error(401)
    talk.say("Fail.")
    assert talk.run().status == "failed"
    store = make_store(client, upload(client))
    assert client.vector_stores.search(store, query="pizza").data
    upstream.function("file_search", QUERY, usage=USAGE)
    upstream.say("Cake.", usage=USAGE)
    resources = {"file_search": {"vector_store_ids": [store]}}
    searching = ask_at(server, model="unheard-of", tools=[SEARCH], tool_resources=resources)
    assert searching.run().status == "completed"
    upstream.say("Hello.", usage=USAGE)
    assert client.responses.create(model="known", input="Hi").status == "completed"
    _, key = new_project(server, "second", requests=1, storage_bytes=10)
    with client_of(server, key, wire) as poor:
        parts = {"file": ("big.csv", b"x" * 11)}
        assert poor.post("/files", data={"purpose": "assistants"}, files=parts).status_code == 400
        assert poor.get("/files").status_code == 429
    client.beta.threads.delete(talk.thread_id)
    return searching


def test_every_number_is_what_happened(
    start_server: StartServer, connect: ConnectClient, ask_at: Ask, upstream: Upstream, wire: Wire
) -> None:
    server = counted(start_server, metrics_projects=5, lease_seconds=1)
    client = connect(server)
    wait_until(lambda: scrape(server)["sessions_parked"] == 1, "a parked session")
    talk = play(server, client, ask_at, upstream, wire)
    gate = upstream.hold("Hel", "lo", usage=USAGE)
    listener = Listener(talk)
    listener.wait_for("thread.message.delta")
    during = scrape(server)
    assert during["http_streams_active"] == 1
    assert during.sum("runs_active", api="assistants", status="in_progress") == 1
    gate.release()
    listener.end()
    (store,) = client.vector_stores.list().data
    stored = sum(file.bytes for file in client.files.list()) + store.usage_bytes
    after = scrape(server)
    told = expected(after, stored)
    assert {each.name for each in ALL} == set(told) | ELSEWHERE
    wrong = {name: pair for name, pair in told.items() if pair[0] != pair[1]}
    assert not wrong, after.text


def expected(after: Scrape, stored: int) -> dict[str, tuple[object, object]]:
    """Of each metric what it says, and what it must say behind `play` and a stream.

    Args:
        after: what it says.
        stored: the bytes of all files and of the store.
    """

    def total(name: str, **labels: str) -> float:
        return after.sum(f"{name}_total", **labels)

    def totals(name: str, *each: dict[str, str]) -> list[float]:
        """These counts, and that of all."""
        return [*(total(name, **labels) for labels in each), total(name)]

    def lasted(name: str, count: int, **labels: str) -> tuple[object, object]:
        """How many were observed; whether they took some time, and not too much."""
        seconds = after.sum(f"{name}_sum", **labels)
        return (after.sum(f"{name}_count", **labels), 0 < seconds < 60 * count), (count, True)

    def observed(name: str) -> tuple[float, float]:
        return after[f"{name}_count"], after[f"{name}_sum"]

    search = "/v1/vector_stores/{vector_store_id}/search"
    completed = {"status": "completed", "backend": "upstream"}
    memory = after["session_memory_bytes_sum"]
    return {
        "http_requests": (
            (
                total("http_requests", route=search, method="POST", status_class="2xx"),
                total("http_requests", route="/v1/files", method="POST", status_class="4xx"),
                total("http_requests", route="/v1/responses", method="POST", status_class="2xx"),
            ),
            (1, 1, 1),
        ),
        "http_request_seconds": lasted("http_request_seconds", 1, route=search, method="POST"),
        "http_streams_active": (after["http_streams_active"], 0),
        "runs": (
            totals("runs", {"api": "assistants", **completed}, {"api": "responses", **completed}),
            [4, 1, 6],
        ),
        "run_seconds": lasted("run_seconds", 6, backend="upstream"),
        "run_wait_seconds": lasted("run_wait_seconds", 6),
        "runs_active": (after["runs_active"], 0),
        "run_errors": (
            totals("run_errors", {"code": "server_error", "stage": "model"}),
            [1, 1],
        ),
        "run_turns": (observed("run_turns"), (6, 9)),
        "run_tool_calls": (observed("run_tool_calls"), (6, 3)),
        "model_request_seconds": lasted("model_request_seconds", 5, model="known"),
        "model_first_token_seconds": lasted("model_first_token_seconds", 3, model="other"),
        "model_token_seconds": lasted("model_token_seconds", 3, model="other"),
        "model_tokens": (
            totals(
                "model_tokens",
                {"model": "known", "kind": "in"},
                {"model": "known", "kind": "out"},
                {"model": "other", "kind": "in"},
            ),
            [250, 35, 150, 8 * 57],
        ),
        "model_errors": (totals("model_errors", {"class": "4xx", "backend": "upstream"}), [1, 1]),
        "model_retries": (totals("model_retries", {"class": "5xx", "backend": "upstream"}), [1, 1]),
        "sessions_live": (after["sessions_live"], 0),
        "sessions_parked": (after["sessions_parked"], 1),
        "sessions_limit": (after["sessions_limit"], 250),
        "sessions_opened": (totals("sessions_opened", {"how": "parked"}), [1, 1]),
        "sessions_restored": (total("sessions_restored"), 0),
        "sessions_billed": (total("sessions_billed"), 1),
        "sessions_ended": (totals("sessions_ended", {"why": "closed"}), [1, 1]),
        "session_claim_seconds": lasted("session_claim_seconds", 1, outcome="live"),
        "session_exec_seconds": lasted("session_exec_seconds", 1, outcome="error"),
        "session_harvest_seconds": lasted("session_harvest_seconds", 2, outcome="ok"),
        "session_memory_bytes": (
            (after["session_memory_bytes_count"], 20 << 20 < memory < 1 << 30),
            (1, True),
        ),
        "session_cpu_seconds": lasted("session_cpu_seconds", 1),
        "exec_outcomes": (
            totals("exec_outcomes", {"outcome": "ok"}, {"outcome": "error"}),
            [1, 1, 2],
        ),
        "files_bytes_in": (total("files_bytes_in"), len(CONTENT) + len(FOODS)),
        "files_bytes_out": (total("files_bytes_out"), 5),
        "files_harvested": (total("files_harvested"), 1),
        "storage_bytes": (after["storage_bytes"], stored),
        "disk_bytes": (after["disk_bytes"] > after["disk_free_bytes"], True),
        "disk_free_bytes": (after["disk_free_bytes"] > 0, True),
        "limits_refused": (
            totals("limits_refused", {"limit": "requests"}, {"limit": "storage"}),
            [1, 1, 2],
        ),
        "db_transaction_seconds": (
            [after.sum("db_transaction_seconds_count", access=a) > 9 for a in ("read", "write")],
            [True, True],
        ),
        "blob_seconds": (
            [after.sum("blob_seconds_count", access=a) > 0 for a in ("read", "write")],
            [True, True],
        ),
        "lease_renewals": (total("lease_renewals") > 0, True),
        "ready": (after["ready"], 1),
        "loop_lag_seconds": (after["loop_lag_seconds_count"] > 2, True),
        "build_info": (after["build_info"], 1),
        "jail_info": (after["jail_info"], 1),
        "project_runs": (totals("project_runs", {"project": "default"}), [6, 6]),
        "project_sessions": (totals("project_sessions", {"project": "default"}), [1, 1]),
        "project_tokens": (totals("project_tokens", {"project": "default"}), [8 * 57, 8 * 57]),
        "project_storage_bytes": (after.sum("project_storage_bytes", project="default"), stored),
    }


def test_what_waits_for_a_session_is_counted_and_what_gets_none(
    start_server: StartServer, ask_at: Ask, upstream: Upstream
) -> None:
    server = counted(start_server, max_sessions=1, queue_seconds=4)
    busy, other = ask_at(server), ask_at(server)
    upstream.code("import time\ntime.sleep(600)", when="busy")
    busy.say("Be busy.")
    run = busy.start()
    wait_until(lambda: scrape(server)["sessions_live"] == 1, "the busy session")
    upstream.code("print(1)", when="other")
    other.say("The other one.")
    refused = other.start()
    wait_until(lambda: scrape(server)["queue_oldest_seconds"] > 0.5, "a call in line")
    assert scrape(server)["queue_waiting"] == 1
    assert other.poll(refused.id).status == "failed"
    busy.client.beta.threads.runs.cancel(run.id, thread_id=busy.thread_id)
    assert busy.poll(run.id).status == "cancelled"
    after = scrape(server)
    assert after["queue_refused_total"] == 1
    assert after["queue_waiting"] == after["queue_oldest_seconds"] == 0
    assert after.sum("run_errors_total", code="rate_limit_exceeded", stage="session") == 1
    assert after.sum("session_claim_seconds_count", outcome="failed") == 1
    assert after.sum("runs_total", status="cancelled") == 1
    assert after.sum("exec_outcomes_total", outcome="killed") == 1


def test_what_code_wrote_beyond_the_storage_of_its_project_is_counted_as_refused(
    start_server: StartServer, wire: Wire, upstream: Upstream
) -> None:
    server = counted(start_server)
    _, key = new_project(server, "full", storage_bytes=1000)
    upstream.code(
        "from PIL import Image\nImage.effect_noise((99, 99), 9).show()\nopen('a', 'w').write('a' * 2000)"
    )
    upstream.say("Done.")
    with client_of(server, key, wire) as client:
        tools = [{"type": "code_interpreter"}]
        assistant = client.post("/assistants", json={"model": "known", "tools": tools}).json()["id"]
        said = {"messages": [{"role": "user", "content": "Write much."}]}
        asked = {"assistant_id": assistant, "thread": said, "stream": True}
        assert "thread.run.completed" in client.post("/threads/runs", json=asked).text
    assert scrape(server).sum("limits_refused_total", limit="storage") == 2
    assert scrape(server).sum("limits_refused_total") == 2


def test_jobs_of_a_server_that_died_are_counted_where_they_are_taken_over(
    start_server: StartServer, ask_at: Ask, upstream: Upstream
) -> None:
    dying = start_server(lease_seconds=1)
    heir = start_server(lease_seconds=1, beside=dying, metrics_listen=free_address(), models=KNOWN)
    upstream.hold("Hel", "lo")
    ask_at(dying).start()
    upstream.wait_for_request()
    dying.kill()
    wait_until(lambda: scrape(heir)["lease_takeovers_total"] == 1, "the takeover")
    wait_until(lambda: scrape(heir).sum("runs_total", status="completed") == 1, "the run's end")
    assert scrape(heir).sum("run_errors_total") == 0


def test_no_client_can_make_a_series(start_server: StartServer) -> None:
    named = [f"known-{number}" for number in range(MOST_MODELS)]
    server = counted(start_server, models=json.dumps({name: {"model": "m"} for name in named}))
    chance = random.Random(7)

    def word() -> str:
        return "".join(chance.choices(string.ascii_letters, k=12))

    templates = [
        prefix + route.path
        for prefix, routers in (
            ("/v1", [each for each, _ in _ROUTERS]),
            ("/assistd", [each.router for each in _OWN]),
        )
        for router in routers
        for route in router.routes
    ]
    with ThreadPoolExecutor(4) as threads, httpx.Client(timeout=60) as client:

        def throw(_: int) -> None:
            """A request that nobody has made before: a path, a method, a model, a project, a key."""
            path = chance.choice([*templates, f"/{word()}", f"/v1/{word()}/{word()}"])
            while "{" in path:
                before, _, rest = path.partition("{")
                path = before + word() + rest.partition("}")[2]
            client.request(
                chance.choice(["GET", "POST", "DELETE", "PATCH", "PROPFIND", "M-SEARCH"]),
                server.url.removesuffix("/v1") + path,
                headers={
                    "authorization": f"Bearer {chance.choice([API_KEY, word()])}",
                    "openai-beta": "assistants=v2",
                    "openai-project": word(),
                },
                json={"model": word(), "input": word(), "messages": []},
            )

        list(threads.map(throw, range(10_000)))
        for model in [*named, *(word() for _ in range(200))]:
            body = {"model": model, "input": "Hi"}
            made = client.post(
                f"{server.url}/responses", json=body, headers={"authorization": f"Bearer {API_KEY}"}
            )
            assert made.status_code == 200
    found = scrape(server)
    assert len(found.series) < MOST_SERIES
    assert found.sum("runs_total", api="responses") >= 220
    assert all(found.sum("model_tokens_total", model=name) > 0 for name in named)
    assert found.sum("model_tokens_total", model="other") > 0


def test_nothing_that_a_client_says_is_in_a_scrape(
    start_server: StartServer, connect: ConnectClient, ask_at: Ask, upstream: Upstream
) -> None:
    server = counted(start_server, metrics_projects=5)
    client = connect(server)
    tenant, _ = new_project(server, "tenant")
    name = f"{SECRET}.csv"
    file = client.files.create(file=(name, SECRET.encode()), purpose="assistants")
    talk = ask_at(server, SECRET, model=SECRET, name=SECRET, instructions=SECRET)
    talk.say(SECRET, attachments=[{"file_id": file.id, "tools": [{"type": "code_interpreter"}]}])
    upstream.code(f"open('{name}.out', 'w').write('{SECRET}'); print('{SECRET}')", text=SECRET)
    upstream.say(SECRET)
    assert talk.run(metadata={SECRET: SECRET}).status == "completed"
    upstream.code(f"raise ValueError('{SECRET}')")
    upstream.error(401, f"{SECRET} sk-upstream")
    talk.say(SECRET)
    assert talk.run().status == "failed"
    headers = {"authorization": f"Bearer {SECRET}", "openai-beta": "assistants=v2"}
    for path in (f"/{SECRET}", f"/threads/{SECRET}", f"/files?after={SECRET}"):
        assert httpx.request(SECRET.upper(), server.url + path, headers=headers).status_code >= 400
        assert httpx.get(server.url + path, headers=headers).status_code >= 400
    text = scrape(server).text
    for words in (SECRET, SECRET.upper(), API_KEY, "sk-upstream", talk.thread_id, file.id, tenant):
        assert words not in text


def test_the_servers_own_port_tells_admin_keys_alone(server: Server, wire: Wire) -> None:
    url = server.url.removesuffix("/v1") + "/metrics"
    assert httpx.get(url).status_code == 401
    told = httpx.get(url, headers={"authorization": f"Bearer {API_KEY}"})
    assert (told.status_code, told.json()["error"]["type"]) == (403, "invalid_request_error")
    with client_of(server, new_admin_key(server), wire):
        admin = {"authorization": f"Bearer {new_admin_key(server)}"}
        text = httpx.get(url, headers=admin)
    assert text.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert Scrape(text.text)["build_info"] == 1


def test_a_server_that_does_not_count_has_no_such_page(start_server: StartServer) -> None:
    server = start_server(metrics="false")
    admin = {"authorization": f"Bearer {new_admin_key(server)}"}
    told = httpx.get(server.url.removesuffix("/v1") + "/metrics", headers=admin)
    assert told.status_code == 404


def test_an_address_that_is_taken_is_said_at_the_start(
    start_server: StartServer, tmp_path: Path
) -> None:
    taken = counted(start_server).environment["ASSISTD_METRICS_LISTEN"]
    done = subprocess.run(
        [sys.executable, "-m", "assistd", "serve", "--port", "0"],
        env=Server(tmp_path, None, metrics_listen=taken, local_model="none").environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    said = f"ASSISTD_METRICS_LISTEN: cannot listen on {taken}: Address already in use."
    assert (done.returncode, done.stdout, done.stderr.splitlines()) == (1, "", [said])
