"""What commit 691d134 left behind is opened with today's code: everything is there, as it was."""

import json
import sqlite3
import tarfile
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.live.backends import Backend, Backends, State
from tests.live.server import Server, wait_until
from tests.upgrade.access import Api
from tests.upgrade.manifest import Manifest, ask, connect
from tests.upgrade.story import LARGE, SALES
from tests.upstream import Upstream

pytestmark = pytest.mark.every_backend

STATE = Path(__file__).parent / "states/691d134.tar.xz"

ADDED: dict[str, dict[str, str]] = {
    "thread.message": dict.fromkeys(
        ("status", "completed_at", "incomplete_at", "incomplete_details"),
        "left out over REST then, against the specification that clients are made from",
    ),
}
"""Fields that an object may have by now and had not then: its kind -> the field -> why."""

ENDINGS = {
    "queued": "completed",  # nobody had begun it: it is run now
    "in_progress": "completed",  # it goes on from its last recorded step
    "running code": "completed",
    "cancelling": "cancelled",
    "requires_action": "requires_action",  # it waits for its client, not for its server
    "overdue": "expired",
}
"""How each run ends whose server died (decision 0100)."""


STORED = (
    *(
        f'"status": "{each}"'
        for each in ("completed", "failed", "cancelled", "incomplete", "expired")
    ),
    *(f'"type": "{each}"' for each in ("image_file", "image_url", "file_path", "image", "logs")),
    '"type": "function"',
)
"""What is in the old state for certain, so that the comparison is not one of nothing."""


@dataclass(frozen=True)
class Old:
    """The old state under a server of today.

    Args:
        server: it.
        manifest: what the server that made it said.
        upstream: what answers for models.
        clients: those that are open, closed at the end of the test.
    """

    server: Server
    manifest: Manifest
    upstream: Upstream
    clients: ExitStack

    def api(self) -> Api:
        """Return a client with an old key."""
        client = connect(self.server, self.manifest.keys["default"])
        return Api(self.clients.enter_context(client))


@pytest.fixture
def old(
    backend: Backend, backends: Backends, upstream: Upstream, request: pytest.FixtureRequest
) -> Iterator[Old]:
    """The state as it was left, and a server that is not started yet."""
    name = "sqlite" if backend == "sqlite+folder" else "postgres"
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(STATE) as tar:
            tar.extractall(folder, filter="data")
        left = Path(folder) / name
        settings: dict[str, object] = {"data_dir": left / "data"}
        if name == "postgres":
            settings["database_url"] = backends.restore(left / "database.sql")
        home = Path(folder) / "home"
        home.mkdir()
        server = Server(home, upstream.url, state=State(settings), lease_seconds=1)
        with ExitStack() as clients:
            yield Old(server, Manifest.read(left / "manifest.json"), upstream, clients)
        request.node.add_report_section("teardown", "server log", server.log)
        if server.running:
            server.stop()


def test_every_object_is_as_it_was(old: Old) -> None:
    for command, printed in old.manifest.commands.items():
        assert words(printed) <= words(old.server.command(*command.split()))
    old.server.start()
    complaints: list[str] = []
    seen = set[str]()
    told = json.dumps(old.manifest.answers)
    for key, answers in old.manifest.answers.items():
        with connect(old.server, old.manifest.keys[key]) as client:
            for path, before in answers.items():
                now = ask(client, path)
                complaints += differences(f"{key}: {path}", before, now)
                seen |= kinds(before)
    assert not complaints, "\n".join(complaints)
    assert seen >= {"assistant", "thread", "thread.message", "thread.run", "thread.run.step"}
    assert seen >= {"file", "list", "page", "organization.costs.result"}
    assert [each for each in STORED if each not in told] == []


def test_runs_whose_server_died_end_as_documented_and_one_that_waits_goes_on(old: Old) -> None:
    old.server.start()
    api = old.api()
    assert set(old.manifest.in_flight) == set(ENDINGS)
    for name, before in old.manifest.in_flight.items():
        path = f"threads/{before['thread_id']}/runs/{before['id']}"
        expected = ENDINGS[name]
        wait_until(lambda: api.get(path)["status"] == expected, f"{name}: {expected}")  # noqa: B023
        now = api.get(path)
        for field in ("created_at", "assistant_id", "instructions", "model", "tools", "metadata"):
            assert now[field] == before[field], (name, field)
        if expected == "cancelled":
            assert {each["status"] for each in api.get(f"{path}/steps")["data"]} == {expected}
        question = api.get(f"threads/{before['thread_id']}/messages")["data"][-1]
        assert question["content"][0]["text"]["value"] == f"Be {name}."
    go_on(old, api, old.manifest.in_flight["requires_action"])


def go_on(old: Old, api: Api, before: dict[str, Any]) -> None:
    """See that a run that waits is as it was, and give it what it waits for."""
    path = f"threads/{before['thread_id']}/runs/{before['id']}"
    assert not differences(path, before, api.get(path))
    (call,) = before["required_action"]["submit_tool_outputs"]["tool_calls"]
    outputs = [{"tool_call_id": call["id"], "output": "rain"}]
    old.upstream.say("Take an umbrella.", when="Be requires_action.")
    run = api.settled(api.post(f"{path}/submit_tool_outputs", tool_outputs=outputs))
    assert run["status"] == "completed"
    told = [each["content"] for asked in old.upstream.requests for each in asked.messages]
    assert told.count("rain") == 1


def test_an_old_thread_goes_on_with_its_files(old: Old) -> None:
    old.server.start()
    api, thread, question = old.api(), old.manifest.threads["with files"], "Still there?"
    assistant = api.get(f"threads/{thread}/runs")["data"][0]["assistant_id"]
    old.upstream.code(
        "print(open('/mnt/data/notes.txt').read(), open('/mnt/data/out/totals.csv').read(),"
        " len(open('/mnt/data/sales.csv').read()), len(open('/mnt/data/large.csv').read()))",
        when=question,
    )
    old.upstream.say("All there.", when=question)
    api.post(f"threads/{thread}/messages", role="user", content=question)
    run = api.settled(api.post(f"threads/{thread}/runs", assistant_id=assistant))
    assert run["status"] == "completed", run
    (*_, asked) = [each for each in old.upstream.requests if each.last_user == question]
    told = asked.messages[-1]["content"]
    assert f"kept for the next session month,total\n2024-01,42\n {len(SALES)} {len(LARGE)}" in told
    said = [each["content"] for each in asked.messages if each["role"] == "user"]
    assert [each for each in said if isinstance(each, str)] == ["Draw.", question]
    assert "data:image/png;base64," in str(said), "the model sees the old picture"
    assert api.get(f"threads/{thread}/messages")["data"][0]["content"][0]["text"]["value"] == (
        "All there."
    )


def test_an_upload_that_was_pending_is_completed_if_its_hour_is_not_over(old: Old) -> None:
    uploads = old.manifest.uploads
    end_in(3600, old.server.state, uploads["open"]["id"])
    end_in(0, old.server.state, uploads["over"]["id"])
    old.server.start()
    api = old.api()

    def complete(name: str) -> Any:
        body = {"part_ids": uploads[name]["part_ids"]}
        return api.client.post(f"uploads/{uploads[name]['id']}/complete", json=body).json()

    made = complete("open")
    assert made["status"] == "completed"
    assert made["file"]["bytes"] == len(SALES)
    again = dict(uploads["completed"])
    del again["part_ids"]
    assert complete("completed") == again
    assert "'expired'" in complete("over")["error"]["message"]
    assert "'cancelled'" in complete("cancelled")["error"]["message"]


def test_what_projects_shared_is_split_and_stays_readable(old: Old) -> None:
    before = blobs(old.server.state)
    (shared,) = twice(blob for _, blob in before)
    folder = Path(str(old.server.state.settings["data_dir"])) / "blobs/files"
    old.server.start()

    def is_split() -> bool:
        return not twice(blob for _, blob in blobs(old.server.state))

    wait_until(is_split, "each project to have blobs of its own")
    after = blobs(old.server.state)
    assert len(after & before) == len(before) - 1, "one project's files alone got another blob"
    assert {blob for _, blob in after} <= {path.name for path in folder.iterdir()}
    mine = [each["id"] for each in old.api().get("files")["data"] if each["bytes"] == len(SALES)]
    for file in mine:
        old.api().delete(f"files/{file}")
    assert not (folder / shared).exists()
    (copy,) = {blob for _, blob in after - before}
    assert (folder / copy).read_bytes() == SALES


def blobs(state: State) -> set[tuple[str, str]]:
    """Return the project and the blob of every file that is not deleted."""
    with closing(connect_database(state)) as connection:
        query = "SELECT project_id, blob FROM files WHERE NOT deleted"
        return set(connection.execute(query).fetchall())


def twice(names: Iterable[str]) -> set[str]:
    """Return the names that come more than once."""
    return {name for name, count in Counter(names).items() if count > 1}


def test_the_comparison_finds_what_was_lost_changed_or_added() -> None:
    before = {"object": "thread.message", "id": "a", "content": [{"text": "x"}]}
    assert not differences("p", before, before | {"status": "completed"})
    assert differences("p", before, before | {"surprise": 1}) == ["p: surprise is new"]
    assert differences("p", {"object": "thread", "id": "a"}, {"object": "thread"}) == [
        "p: id was lost"
    ]
    assert differences("p", before, before | {"content": [{"text": "y"}]}) == [
        "p.content[0].text: 'x' is now 'y'"
    ]
    assert differences("p", [1, 2], [1]) == ["p: 2 items are now 1"]


def differences(where: str, before: Any, now: Any) -> list[str]:
    """Return what is not as it was, but for fields that may have been added."""
    if isinstance(before, dict) and isinstance(now, dict):
        allowed = ADDED.get(before.get("object", ""), {})
        lost = [f"{where}: {name} was lost" for name in before if name not in now]
        new = [f"{where}: {each} is new" for each in now if each not in before | allowed]
        both = [name for name in before if name in now]
        inner = [differences(f"{where}.{name}", before[name], now[name]) for name in both]
        return [*lost, *new, *(each for found in inner for each in found)]
    if isinstance(before, list) and isinstance(now, list):
        if len(before) != len(now):
            return [f"{where}: {len(before)} items are now {len(now)}"]
        pairs = enumerate(zip(before, now, strict=True))
        return [each for n, pair in pairs for each in differences(f"{where}[{n}]", *pair)]
    return [] if before == now else [f"{where}: {before!r} is now {now!r}"]


def kinds(answer: Any) -> set[str]:
    """Return the kinds of all objects in an answer."""
    if isinstance(answer, dict):
        own = {answer["object"]} if isinstance(answer.get("object"), str) else set[str]()
        return own.union(*map(kinds, answer.values()))
    return set[str]().union(*map(kinds, answer)) if isinstance(answer, list) else set()


def words(printed: str) -> set[str]:
    """Return the words of what a command printed, whatever its columns are by now."""
    return set(printed.split())


def end_in(seconds: int, state: State, upload_id: str) -> None:
    """Have an upload's hour end so many seconds from now, whenever it was begun."""
    expires_at = int(time.time()) + seconds
    mark = "%s" if "database_url" in state.settings else "?"
    with closing(connect_database(state)) as connection:
        query = f"SELECT body FROM uploads WHERE id = {mark}"
        (body,) = connection.execute(query, (upload_id,)).fetchone()
        changed = json.dumps(json.loads(body) | {"expires_at": expires_at})
        connection.execute(
            f"UPDATE uploads SET expires_at = {mark}, body = {mark} WHERE id = {mark}",
            (expires_at, changed, upload_id),
        )


def connect_database(state: State) -> Any:
    """Return a connection to the database of a state, each statement its own transaction."""
    if url := state.settings.get("database_url"):
        return psycopg.connect(str(url), autocommit=True)
    path = Path(str(state.settings["data_dir"])) / "assistd.sqlite3"
    return sqlite3.connect(path, isolation_level=None)
