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
from demo.server import DemoError, Server, running
from demo.story import TASKS, Story
from demo.view import View, results_table, steps_table

OUTPUT = Path("demo-output")
STORY_SECONDS = 300.0  # no further try begins after this


def main() -> int:
    """Give 0 if every part of the story happened, 1 if one did not, 130 on Ctrl-C."""
    for ending in (signal.SIGTERM, signal.SIGHUP):  # like Ctrl-C, so that nothing is left behind
        signal.signal(ending, signal.default_int_handler)
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--model", help="ask this model instead of the built-in one")
    model = parser.parse_args().model
    view = View()
    try:
        upstream = _upstream() if model else {}
        view.title(model or "Qwen2.5-Coder, on this machine's processor")
        prepared = _prepare(view, local=not model)
        with running({**prepared, **upstream}) as server:
            story = _tell(view, server, model or "local")
    except (DemoError, AssistdError) as error:
        view.warn(str(error))
        return 1
    except KeyboardInterrupt:
        view.warn("stopped; the server and its data are gone")
        return 130
    view.table("what really happened", results_table(story.results))
    view.console.print()
    return 1 if any(problem for _, problem in story.results) else 0


def _upstream() -> dict[str, str]:
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


def _tell(view: View, server: Server, model: str) -> Story:
    server.wait_until_ready()
    view.note(f"assistd listens on {server.url}")
    began = time.monotonic()
    client = OpenAI(base_url=server.url, api_key=server.key)
    story = Story(client, model, view, OUTPUT.absolute(), began + STORY_SECONDS)
    story.begin()
    for number, task in enumerate(TASKS, 1):
        story.tell(number, task)
    _list_steps(story)
    _list_sessions(story, server)
    view.console.print(f"\n[dim]the story took {time.monotonic() - began:.0f} s[/]")
    return story


def _list_steps(story: Story) -> None:
    """The steps of every run, with what went in and what came out."""
    table, inputs, logs = steps_table(), 0, 0
    for run, step in story.steps():
        details = step.step_details
        if details.type != "tool_calls":
            table.add_row(run.id[-8:], details.type, "", "")
            continue
        for call in details.tool_calls:
            if call.type != "code_interpreter":
                continue
            code = call.code_interpreter
            outputs = [one.logs if one.type == "logs" else "picture" for one in code.outputs]
            inputs += bool(code.input)
            logs += any(one.type == "logs" and one.logs for one in code.outputs)
            shown = [Text(_tersely(text)) for text in (code.input, " | ".join(outputs))]
            table.add_row(run.id[-8:], "code_interpreter", *shown)
    story.view.table("the run steps: inputs and logs", table)
    missing = "" if inputs and logs else "no step has both code and logs"
    story.results.append(("run steps with inputs and logs", missing))


def _list_sessions(story: Story, server: Server) -> None:
    """The sessions that were metered."""
    usage = server.usage()
    story.view.table("the sessions metered: assistd usage", escape(usage.rstrip()))
    count = re.search(r"(\d+) sessions? metered", usage)
    missing = "" if count and int(count[1]) else "assistd usage lists none"
    story.results.append(("a metered session", missing))


def _tersely(text: str) -> str:
    """Code without imports and comments, or logs, on one line."""
    lines = (line.strip() for line in text.splitlines())
    return " ⏎ ".join(one for one in lines if one and not one.startswith(("#", "import ", "from ")))


if __name__ == "__main__":
    sys.exit(main())
