"""The story whose end is a state with everything in it: every noun, and a run of each state.

It speaks HTTP and the command line only, so that any commit may be the one that lives through it.
"""

import base64
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any

import httpx

from tests.live.server import API_KEY, Server, wait_until
from tests.upgrade.access import Api, Statuses
from tests.upgrade.manifest import Manifest, ask, connect, crawl
from tests.upstream import Upstream

LEASE_SECONDS = 60
"""A dead server's runs stay as they are for so long: time enough to look at them."""

LONG_SECONDS = 30 * 365 * 86_400
"""Runs of these servers do not expire before somebody opens what they left."""

FIGURE = """\
import matplotlib.pyplot as plt
plt.figure(figsize=(1, 1))
plt.plot([1, 2, 4])
plt.show()
import os
os.makedirs('/mnt/data/out', exist_ok=True)
open('/mnt/data/out/totals.csv', 'w').write('month,total\\n2024-01,42\\n')
open('/mnt/data/notes.txt', 'w').write('kept for the next session')
print('drawn')
"""
ANSWER = "Here is the [table](sandbox:/mnt/data/out/totals.csv)."
SALES = b"month,revenue\n2024-01,10\n2024-02,32\n"
LARGE = (b"".join(b"%d,%d\n" % (number, number * number) for number in range(5000)) * 60)[: 3 << 20]
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
CODE = {"type": "code_interpreter"}
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


class Story:
    """Lives through it, and keeps in a manifest what is to be found again.

    Args:
        manifest: what is found out on the way goes here.
        new_server: `new_server("name", run_seconds=3)`: a server over the state that is made.
        upstream: what answers for models.
    """

    def __init__(
        self, manifest: Manifest, new_server: Callable[..., Server], upstream: Upstream
    ) -> None:
        self._manifest = manifest
        self._new_server = new_server
        self._upstream = upstream
        self._open = ExitStack()
        self._began = int(time.time())

    def tell(self) -> None:
        """Go through all of it; at the end every server is dead and all is in the manifest."""
        lasting = {"lease_seconds": LEASE_SECONDS, "run_seconds": LONG_SECONDS}
        with self._open:
            first = self._start_server("first", **lasting)
            second = self._start_server("second", **lasting)
            hasty = self._start_server("hasty", lease_seconds=LEASE_SECONDS, run_seconds=5)
            self._make_tenants(first)
            api, blue = self._api(first, "default"), self._api(first, "blue")
            files = self._make_files(api)
            self._make_uploads(api)
            assistant = self._make_assistants(api, files)
            self._make_threads(api, files)
            self._end_runs(api, assistant, files)
            self._run_elsewhere(blue)
            self._expire_run(self._api(hasty, "default"), assistant)
            held = self._hold_runs(api, assistant)
            held["queued"] = self._leave_queued(first, api, assistant)
            first.kill()
            other = self._api(second, "default")
            run = other.get(f"threads/{held['cancelling']}/runs")["data"][0]
            other.post(f"threads/{held['cancelling']}/runs/{run['id']}/cancel")
            self._look(second, held)
            second.kill()
            self._leave_overdue(self._api(hasty, "default"), assistant)
            hasty.kill()
            self._require_left(hasty)

    def _start_server(self, name: str, **settings: Any) -> Server:
        server = self._new_server(name, **settings).start()
        self._open.callback(lambda: server.kill() if server.running else None)
        return server

    def _api(self, server: Server, key: str) -> Api:
        client = connect(server, self._manifest.keys[key])
        return Api(self._open.enter_context(client))

    # Who uses it

    def _make_tenants(self, server: Server) -> None:
        run, keys = server.command, self._manifest.keys
        run("projects", "create", "blue")
        run("projects", "create", "closed")
        run(
            "projects", "limit", "blue", *["--requests", "6000", "--runs", "20", "--sessions", "10"]
        )
        run("projects", "limit", "blue", *["--storage-mib", "1024", "--memory-gib", "4"])
        keys["default"] = API_KEY
        keys["second"] = run("keys", "create", "--name", "of a program").strip()
        keys["blue"] = run("keys", "create", "--project", "blue").strip()
        keys["admin"] = run("keys", "create", "--admin").strip()
        keys["revoked"] = run("keys", "create", "--name", "to-be-revoked").strip()
        (line,) = [each for each in run("keys", "list").splitlines() if "to-be-revoked" in each]
        run("keys", "revoke", line.split()[0])
        keys["archived"] = run("keys", "create", "--project", "closed").strip()
        run("projects", "archive", "closed")

    # What lies there

    def _make_files(self, api: Api) -> dict[str, str]:
        files = {
            "sales": api.upload("sales.csv", SALES),
            "twin": api.upload("the same under another name.csv", SALES),
            "large": api.upload("large.csv", LARGE),
            "umlauts": api.upload("Umsätze März 销售.csv", SALES + b"2024-03,7\n"),
            "picture": api.upload("pixel.png", PIXEL, "vision"),
            "empty": api.upload("empty.txt", b"", "user_data"),
        }
        gone = api.upload("gone.txt", b"gone")
        api.delete(f"files/{gone}")
        self._manifest.answers["default"] = {f"files/{gone}": ask(api.client, f"files/{gone}")}
        return files

    def _make_uploads(self, api: Api) -> None:
        def begin(name: str, size: int) -> dict[str, Any]:
            fields = {"purpose": "assistants", "mime_type": "text/csv"}
            return api.post("uploads", filename=name, bytes=size, **fields)

        def keep(name: str, upload: dict[str, Any], *parts: str) -> None:
            self._manifest.uploads[name] = {**upload, "part_ids": parts}

        half = len(SALES) // 2
        for name in ("completed", "open", "over"):
            upload = begin(f"{name}.csv", len(SALES))
            parts = [api.add_part(upload["id"], each) for each in (SALES[:half], SALES[half:])]
            if name == "completed":
                upload = api.post(f"uploads/{upload['id']}/complete", part_ids=parts)
            keep(name, upload, *parts)
        cancelled = begin("cancelled.csv", 10)
        api.add_part(cancelled["id"], b"12345")
        keep("cancelled", api.post(f"uploads/{cancelled['id']}/cancel"))

    def _make_assistants(self, api: Api, files: dict[str, str]) -> str:
        full = api.post(
            "assistants",
            model="gpt-4o",
            name="Analyst",
            description="Draws what it is asked for.",
            instructions="You are a data analyst. Überlege zuerst.",
            tools=[CODE, WEATHER],
            tool_resources={"code_interpreter": {"file_ids": [files["sales"], files["large"]]}},
            metadata={"team": "blue", "empty": ""},
            temperature=0.5,
            top_p=0.25,
            response_format={"type": "text"},
        )
        plain = api.post("assistants", model="gpt-4o-mini")
        api.post(f"assistants/{plain['id']}", name="renamed", metadata={"changed": "yes"})
        gone = api.post("assistants", model="gone")
        api.delete(f"assistants/{gone['id']}")
        return full["id"]

    def _make_threads(self, api: Api, files: dict[str, str]) -> None:
        attached = {"file_id": files["umlauts"], "tools": [CODE]}
        shown = {"type": "image_file", "image_file": {"file_id": files["picture"], "detail": "low"}}
        away = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
        thread = api.post(
            "threads",
            metadata={"kind": "of everything"},
            tool_resources={"code_interpreter": {"file_ids": [files["twin"]]}},
            messages=[
                {"role": "user", "content": "See the file.", "attachments": [attached]},
                {"role": "user", "content": [{"type": "text", "text": "And these."}, shown, away]},
                {"role": "assistant", "content": "I see.", "metadata": {"by": "hand"}},
            ],
        )["id"]
        path = f"threads/{thread}/messages"
        first = api.get(path)["data"][-1]["id"]
        api.post(f"{path}/{first}", metadata={"read": "yes"})
        deleted = api.post(path, role="user", content="Forget this.")["id"]
        api.delete(f"{path}/{deleted}")
        gone = api.post("threads")["id"]
        api.delete(f"threads/{gone}")
        named = {"everything": thread, "gone": gone, "empty": api.post("threads")["id"]}
        self._manifest.threads.update(named)

    # Runs that end

    def _end_runs(self, api: Api, assistant: str, files: dict[str, str]) -> None:
        """Leave a run of each ending, but for the expired one."""
        say, ends = self._upstream, self._ends
        attached = {"file_id": files["sales"], "tools": [CODE]}
        thread = self._thread(api, "with files", "Draw.", attachments=[attached])
        say.code(FIGURE, text="Let me see.")
        say.say(*ANSWER.split(" "))
        ends(api, thread, assistant, "completed", metadata={"kept": "yes"}, temperature=1.5)
        say.code("1 / 0")
        say.say("It cannot be divided.")
        ends(api, thread, assistant, "completed", additional_instructions="Divide.")

        thread = self._thread(api, "with functions", "The weather?")
        say.function("get_weather", {"city": "Paris"})
        run = ends(api, thread, assistant, "requires_action")
        say.say("Sunny.")
        (call,) = run["required_action"]["submit_tool_outputs"]["tool_calls"]
        outputs = [{"tool_call_id": call["id"], "output": "22 °C"}]
        path = f"threads/{thread}/runs/{run['id']}"
        api.settled(api.post(f"{path}/submit_tool_outputs", tool_outputs=outputs))
        api.post(path, metadata={"changed": "afterwards"})

        thread = self._thread(api, "failed", "Fail.")
        say.error(400, "The upstream does not like it.")
        ends(api, thread, assistant, "failed")
        thread = self._thread(api, "incomplete", "Be brief.")
        say.say("Half of a", finish="length")
        ends(api, thread, assistant, "incomplete", max_completion_tokens=256)
        thread = self._thread(api, "cancelled", "Stop.")
        say.hold("Hel", "lo")
        run = self._start(api, thread, assistant)
        self._wait_for_message(api, thread)
        api.post(f"threads/{thread}/runs/{run['id']}/cancel")
        assert api.settled(run)["status"] == "cancelled"

    def _run_elsewhere(self, api: Api) -> None:
        """Leave something in another project, of which its key alone knows."""
        file = api.upload("sales.csv", SALES)
        resources = {"code_interpreter": {"file_ids": [file]}}
        assistant = api.post("assistants", model="m", tools=[CODE], tool_resources=resources)["id"]
        thread = self._thread(api, "of blue", "Compute.")
        self._upstream.code("print(len(open('/mnt/data/sales.csv').read()))")
        self._ends(api, thread, assistant, "completed")

    def _expire_run(self, api: Api, assistant: str) -> None:
        thread = self._thread(api, "expired", "Wait.")
        self._upstream.silence()
        self._ends(api, thread, assistant, "expired")

    # Runs that do not

    def _hold_runs(self, api: Api, assistant: str) -> dict[str, str]:
        """Bring runs to where they stay until their server dies; name -> thread."""
        held = {name: self._thread(api, name, f"Be {name}.") for name in _HELD}
        self._upstream.function("get_weather", {"city": "Rome"})
        self._ends(api, held["requires_action"], assistant, "requires_action")
        for name in ("in_progress", "cancelling"):
            self._upstream.hold("Hel", "lo")
            self._start(api, held[name], assistant)
            self._wait_for_message(api, held[name])
        self._upstream.code("import time\ntime.sleep(600)")
        run = self._start(api, held["running code"], assistant)
        path = f"threads/{run['thread_id']}/runs/{run['id']}/steps"
        wait_until(lambda: api.get(path)["data"], "the step")
        return held

    def _leave_queued(self, server: Server, api: Api, assistant: str) -> str:
        """Stop a server between the moment that it wrote a run and the one that it began it."""
        while True:
            thread = self._thread(api, "queued", "Be queued.")
            path, body = f"threads/{thread}/runs", {"assistant_id": assistant}

            def post(path: str = path, body: dict[str, str] = body) -> None:
                with suppress(httpx.TransportError):  # its server is killed
                    api.client.post(path, json=body)

            poster = threading.Thread(target=post)
            with Statuses(server, thread) as statuses:
                poster.start()
                while not statuses.read():
                    pass
                server.process.suspend()
                if statuses.read() == "queued":
                    self._open.callback(poster.join)
                    return thread
            server.process.resume()
            poster.join()
            api.delete(f"threads/{thread}")

    def _leave_overdue(self, api: Api, assistant: str) -> None:
        """Leave a run that waits for its client, and whose time is over soon."""
        thread = self._thread(api, "overdue", "Be overdue.")
        self._upstream.function("get_weather", {"city": "Oslo"})
        run = self._ends(api, thread, assistant, "requires_action")
        self._manifest.in_flight["overdue"] = run

    def _require_left(self, server: Server) -> None:
        """See that the runs are in the database as they were meant to be left."""
        meant = {"running code": "in_progress", "overdue": "requires_action"}
        for name, run in self._manifest.in_flight.items():
            with Statuses(server, run["thread_id"]) as statuses:
                status = statuses.read()
            assert status == run["status"] == meant.get(name, name), (name, status, run["status"])

    # What is left

    def _look(self, server: Server, held: dict[str, str]) -> None:
        """Ask a server about everything, while the runs of the dead one are still as it left them."""
        manifest = self._manifest
        api = self._api(server, "default")
        for name, thread in held.items():
            run = api.get(f"threads/{thread}/runs")["data"][0]
            manifest.in_flight[name] = run
        settled = [id_ for id_ in manifest.threads.values() if id_ not in held.values()]
        for key in ("default", "blue"):
            client = self._api(server, key).client
            manifest.answers.setdefault(key, {}).update(crawl(client, settled))
        for key in ("second", "revoked", "archived"):
            manifest.answers[key] = {"assistants": ask(self._api(server, key).client, "assistants")}
        client = self._api(server, "admin").client
        span = f"start_time={self._began}&end_time={int(time.time())}"
        manifest.answers["admin"] = {
            path: ask(client, path)
            for path in (
                f"organization/usage/code_interpreter_sessions?{span}&group_by=project_id",
                f"organization/costs?{span}&group_by=project_id&group_by=api_key_id",
            )
        }
        for command in ("projects list", "keys list"):
            manifest.commands[command] = server.command(*command.split())

    # Steps of it

    def _thread(self, api: Api, name: str, question: str, **message: Any) -> str:
        asked = {"role": "user", "content": question, **message}
        thread = api.post("threads", messages=[asked], metadata={"name": name})["id"]
        self._manifest.threads[name] = thread
        return thread

    @staticmethod
    def _start(api: Api, thread: str, assistant: str, **fields: Any) -> dict[str, Any]:
        return api.post(f"threads/{thread}/runs", assistant_id=assistant, **fields)

    def _ends(
        self, api: Api, thread: str, assistant: str, status: str, **fields: Any
    ) -> dict[str, Any]:
        run = api.settled(self._start(api, thread, assistant, **fields))
        assert run["status"] == status, run
        return run

    @staticmethod
    def _wait_for_message(api: Api, thread: str) -> None:
        path = f"threads/{thread}/messages"
        wait_until(lambda: len(api.get(path)["data"]) == 2, "the answer's beginning")


_HELD = ("requires_action", "in_progress", "running code", "cancelling")
