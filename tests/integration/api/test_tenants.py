"""Keys, projects and limits, made with the command line or in its way, as clients meet them."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from openai import OpenAI, RateLimitError

from tests.live.fixtures import StartServer
from tests.live.server import Server, wait_until
from tests.live.tenants import client_of, new_project
from tests.live.wire import Wire
from tests.upstream import Upstream


def upload(client: httpx.Client, size: int) -> httpx.Response:
    return client.post("files", files={"file": ("a", b"x" * size)}, data={"purpose": "assistants"})


def test_a_key_opens_its_project_until_it_is_revoked(server: Server, wire: Wire) -> None:
    server.command("projects", "create", "blue")
    key = server.command("keys", "create", "--project", "blue", "--name", "for blue").strip()
    assert key.startswith("sk-assistd-")
    with client_of(server, key, wire) as client:
        assert client.get("files").json()["data"] == []
        listed = server.command("keys", "list")
        assert key not in listed
        (line,) = (each for each in listed.splitlines() if "for blue" in each)
        server.command("keys", "revoke", line.split()[0])
        wait_until(lambda: client.get("files").status_code == 401, "the end of the key")


def test_a_project_that_is_archived_lets_nobody_in(server: Server, wire: Wire) -> None:
    project, key = new_project(server)
    with client_of(server, key, wire) as client:
        server.command("projects", "archive", project)
        assert client.get("files").status_code == 401


@pytest.mark.every_backend
def test_requests_over_the_limit_wait_as_they_are_told(server: Server, wire: Wire) -> None:
    _, key = new_project(server, requests=3)
    with client_of(server, key, wire) as client:
        answers = [client.get("files") for _ in range(4)]
    assert [each.status_code for each in answers] == [200, 200, 200, 429]
    assert answers[0].headers["x-ratelimit-limit-requests"] == "3"
    assert answers[0].headers["x-ratelimit-remaining-requests"] == "2"
    assert answers[0].headers["x-ratelimit-reset-requests"] == "20s"
    refused = answers[3]
    assert 1 <= int(refused.headers["retry-after"]) <= 20
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    assert refused.json()["error"] == {
        "message": "You've exceeded the rate limit, please slow down and try again later.",
        "type": "invalid_request_error",
        "param": None,
        "code": "rate_limit_exceeded",
    }


def test_a_project_without_a_limit_is_told_of_none(raw: httpx.Client) -> None:
    assert not [name for name in raw.get("files").headers if name.startswith("x-ratelimit")]


@pytest.mark.parametrize(("limit", "pause"), [(None, "50"), (12, "10000"), (100_000, "50")])
def test_who_polls_a_run_is_told_a_pause_that_leaves_half_of_the_requests(
    server: Server, wire: Wire, limit: int | None, pause: str
) -> None:
    _, key = new_project(server, **({"requests": limit} if limit else {}))
    with client_of(server, key, wire) as client:
        assistant = client.post("assistants", json={"model": "direct", "instructions": "x"}).json()
        run = client.post("threads/runs", json={"assistant_id": assistant["id"]}).json()
        got = client.get(f"threads/{run['thread_id']}/runs/{run['id']}")
        assert got.headers["openai-poll-after-ms"] == pause


@pytest.mark.every_backend
def test_a_project_has_no_more_active_runs_than_it_may_whoever_comes_first(
    server: Server, upstream: Upstream, wire: Wire
) -> None:
    _, key = new_project(server, runs=2)
    upstream.silence(times=None)
    http = httpx.Client(transport=wire.transport(), timeout=60)
    with OpenAI(base_url=server.url, api_key=key, max_retries=0, http_client=http) as client:
        assistant = client.beta.assistants.create(model="gpt-4o", instructions="x").id
        threads = [client.beta.threads.create().id for _ in range(6)]

        def start(thread: str) -> str | None:
            runs = client.beta.threads.runs
            try:
                return runs.create(thread_id=thread, assistant_id=assistant).id
            except RateLimitError:
                return None

        with ThreadPoolExecutor(len(threads)) as pool:
            started = dict(zip(threads, pool.map(start, threads), strict=True))
        assert sum(run is not None for run in started.values()) == 2
        waits = [each.headers["retry-after"] for each in wire.exchanges if each.status == 429]
        assert waits
        assert all(int(each) > 0 for each in waits)
        thread, run = next((thread, run) for thread, run in started.items() if run)
        client.beta.threads.runs.cancel(run, thread_id=thread)
        wait_until(
            lambda: client.beta.threads.runs.retrieve(run, thread_id=thread).status == "cancelled",
            "the end of a run",
        )
        assert start(thread)  # a place came free


@pytest.mark.every_backend
def test_files_over_the_quota_are_refused_and_deleting_makes_room(
    server: Server, wire: Wire
) -> None:
    _, key = new_project(server, storage_bytes=1000)
    with client_of(server, key, wire) as client:
        kept = upload(client, 600).json()["id"]
        refused = upload(client, 401)
        assert refused.status_code == 400
        assert refused.json()["error"] == {
            "message": "You have exceeded your file storage quota. The project is limited to 1000 "
            "bytes of files. Please delete old files or attempt with a smaller file size.",
            "type": "invalid_request_error",
            "param": None,
            "code": None,
        }
        assert upload(client, 400).status_code == 200
        client.delete(f"files/{kept}")
        assert upload(client, 600).status_code == 200
        assert len(client.get("files").json()["data"]) == 2


@pytest.mark.every_backend
def test_two_uploads_at_once_do_not_share_the_last_bytes(server: Server, wire: Wire) -> None:
    _, key = new_project(server, storage_bytes=1000)
    with client_of(server, key, wire) as client, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: upload(client, 300).status_code, range(8)))
    assert sorted(answers) == [200] * 3 + [400] * 5


def test_settings_limit_every_project_that_has_no_limit_of_its_own(
    start_server: StartServer, wire: Wire
) -> None:
    server = start_server(project_requests=2)
    project, key = new_project(server)
    with client_of(server, key, wire) as client:
        assert [client.get("files").status_code for _ in range(3)] == [200, 200, 429]
    server.command("projects", "limit", project, "--requests", "100")
    with client_of(server, key, wire) as client:
        wait_until(lambda: client.get("files").status_code == 200, "the new limit")
    assert "100" in server.command("projects", "list")


def test_the_limits_of_a_project_are_named_when_they_are_wrong(server: Server) -> None:
    with pytest.raises(AssertionError, match="1, 4, 16 or 64 GiB"):
        server.command("projects", "limit", "default", "--memory-gib", "3")
    with pytest.raises(AssertionError, match="no project nobody"):
        server.command("keys", "create", "--project", "nobody")
