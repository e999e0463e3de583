"""Sets the stage, tells the story, and says at the end whether every part really happened."""

import argparse
import os
import re
import signal
import sys
import time
from pathlib import Path

from openai import OpenAI
from rich.markup import escape
from rich.text import Text

from assistd.errors import AssistdError
from assistd.models.local import weights
from assistd.sandbox.environments import environment
from assistd.settings import Settings
from demo.assistants import AssistantsDoor
from demo.door import Door
from demo.responses import ResponsesDoor
from demo.server import DemoError, Server, running
from demo.story import TASKS, Story, Task
from demo.view import View, records_table, results_table

OUTPUT = Path("demo-output").absolute()
STORY_SECONDS = 300.0  # no further try begins after this
STORIES: dict[str, list[tuple[type[Door], tuple[Task, ...], Path]]] = {
    "assistants": [
        (AssistantsDoor, TASKS, OUTPUT),
        (ResponsesDoor, TASKS[:1], OUTPUT / "responses"),
    ],
    "responses": [(ResponsesDoor, TASKS, OUTPUT)],
}
"""Through which doors what is asked, and where files are saved, by the name of the first door."""

Results = list[tuple[str, str]]
"""What had to happen, and what is missing, or nothing."""


def main() -> int:
    """Give 0 if every part of the story happened, 1 if one did not, 130 on Ctrl-C."""
    for ending in (signal.SIGTERM, signal.SIGHUP):  # like Ctrl-C, so that nothing is left behind
        signal.signal(ending, signal.default_int_handler)
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--model", help="ask this model instead of the built-in one")
    parser.add_argument(
        "--door",
        choices=STORIES,
        default="assistants",
        help="the API that the whole story is told through",
    )
    asked = parser.parse_args()
    view = View()
    try:
        upstream = _find_upstream() if asked.model else {}
        view.title(asked.model or "Qwen2.5-Coder, on this machine's processor")
        prepared = _prepare(view, local=not asked.model)
        with running({**prepared, **upstream}) as server:
            results = _tell(view, server, asked.model or "local", asked.door)
    except (DemoError, AssistdError) as error:
        view.warn(str(error))
        return 1
    except KeyboardInterrupt:
        view.warn("stopped; the server and its data are gone")
        return 130
    view.table("what really happened", results_table(results))
    view.console.print()
    if asked.door == "assistants":
        view.console.print(
            '[dim]The whole story through the Responses API: make demo ARGS="--door responses"[/]\n'
        )
    return 1 if any(problem for _, problem in results) else 0


def _find_upstream() -> dict[str, str]:
    """The settings that lead the server to another model."""
    url = os.environ.get("ASSISTD_UPSTREAM_BASE_URL") or os.environ.get("OPENAI_BASE_URL")
    key = os.environ.get("ASSISTD_UPSTREAM_API_KEY") or os.environ.get("OPENAI_API_KEY")
    if not (url or key):
        raise DemoError(
            "MODEL needs a server that has it: set OPENAI_API_KEY, or ASSISTD_UPSTREAM_BASE_URL "
            "for another one than OpenAI's."
        )
    given = {k: v for k, v in os.environ.items() if k.startswith("ASSISTD_UPSTREAM_")}
    url = url or "https://api.openai.com/v1"
    return {**given, "ASSISTD_UPSTREAM_BASE_URL": url, "ASSISTD_UPSTREAM_API_KEY": key or ""}


def _prepare(view: View, *, local: bool) -> dict[str, str]:
    """Have everything here before the clock starts; the server's settings that lead to it."""
    settings = Settings()
    ready = environment.build(settings.cache_dir, report=view.note)
    view.note(f"{len(environment.packages(ready))} packages that code in the sandbox can import")
    size = "1.5b" if settings.local_model == "none" else settings.local_model
    if local:
        _fetch_weights(view, weights.PINNED[size], settings.cache_dir)
    return {"ASSISTD_CACHE_DIR": str(settings.cache_dir), "ASSISTD_LOCAL_MODEL": size}


def _fetch_weights(view: View, pinned: weights.Weights, cache_dir: Path) -> None:
    if not weights.find(pinned, cache_dir):
        with view.download(pinned.file) as tell:
            weights.fetch(pinned, cache_dir, progress=tell)
    view.note(f"the weights {pinned.file}, {pinned.bytes / 1e9:.1f} GB, SHA-256 verified")


def _tell(view: View, server: Server, model: str, first_door: str) -> Results:
    """Tell the story; return what came of it."""
    server.wait_until_ready()
    view.note(f"assistd listens on {server.url}")
    began = time.monotonic()
    client = OpenAI(base_url=server.url, api_key=server.key)
    results: Results = []
    for door_type, tasks, folder in STORIES[first_door]:
        door = door_type(client, model, view)
        story = Story(door, view, folder, time.monotonic() + STORY_SECONDS)
        story.begin()
        for number, task in enumerate(tasks, 1):
            story.tell(number, task)
        came = [*story.results, _list_records(view, door)]
        results += [(f"{door.api}: {name}", problem) for name, problem in came]
    results.append(_list_sessions(view, server))
    view.console.print(f"\n[dim]the story took {time.monotonic() - began:.0f} s[/]")
    return results


def _list_records(view: View, door: Door) -> tuple[str, str]:
    """Show what the server keeps of the answers; return whether code and outputs are among it."""
    table, has_code, has_outputs = records_table(), False, False
    for record in door.read_records():
        outputs = " | ".join([*record.logs, *["picture"] * record.pictures])
        table.add_row(
            record.owner_id[-8:], record.kind, Text(_tersely(record.code)), Text(_tersely(outputs))
        )
        has_code |= bool(record.code)
        has_outputs |= bool(outputs)
    view.table(f"the {door.records}, as they are kept", table)
    missing = "" if has_code and has_outputs else "no code is kept, or no output"
    return f"{door.records} with code and outputs", missing


def _list_sessions(view: View, server: Server) -> tuple[str, str]:
    """Show the sessions that were metered; return whether there are any."""
    usage = server.usage()
    view.table("the sessions metered: assistd usage", escape(usage.rstrip()))
    count = re.search(r"(\d+) sessions? metered", usage)
    missing = "" if count and int(count[1]) else "assistd usage lists none"
    return "a metered session", missing


def _tersely(text: str) -> str:
    """Code without imports and comments, or logs, on one line."""
    lines = (line.strip() for line in text.splitlines())
    return " ⏎ ".join(one for one in lines if one and not one.startswith(("#", "import ", "from ")))


if __name__ == "__main__":
    sys.exit(main())
