"""What users, models and code say is nobody's business: the log never holds it."""

import json

from openai import OpenAI

from tests.acceptance.conftest import Ask
from tests.live.server import API_KEY, Server, wait_until
from tests.upstream import Upstream

SECRET = "s3cr3t-of-a-user"


def test_the_log_holds_no_prompts_code_outputs_or_keys(
    ask: Ask, server: Server, upstream: Upstream
) -> None:
    talk = ask(f"My word is {SECRET}.", instructions=f"Know {SECRET}.")
    upstream.code(f"print('{SECRET}')\nraise ValueError('{SECRET}')", text=SECRET)
    upstream.error(401, f"{SECRET} sk-upstream")
    run = talk.run()
    assert run.status == "failed"
    assert SECRET not in run.last_error.message
    upstream.garbage(f"data: {{{SECRET}\n\n".encode())
    talk.say(SECRET)
    assert talk.run().status == "failed"
    for words in (SECRET, API_KEY, "sk-upstream"):
        assert words not in server.log


def test_files_of_the_server_are_readable_by_nobody_else(server: Server, ask: Ask) -> None:
    ask().run()
    assert (server.folder / "data").stat().st_mode & 0o077 == 0


def test_a_run_and_a_session_that_end_are_a_line_each_with_ids_and_numbers_alone(
    ask_at: Ask, server: Server, upstream: Upstream, client: OpenAI
) -> None:
    name = f"{SECRET}.csv"
    before = len(server.log)
    talk = ask_at(server, f"My word is {SECRET}.", instructions=f"Know {SECRET}.")
    file = client.files.create(file=(name, SECRET.encode()), purpose="assistants")
    talk.say(SECRET, attachments=[{"file_id": file.id, "tools": [{"type": "code_interpreter"}]}])
    upstream.code(f"open('{name}.out', 'w').write('{SECRET}')", text=SECRET)
    run = talk.run()
    assert run.status == "completed"
    client.beta.threads.delete(talk.thread_id)
    wait_until(lambda: "session ended" in server.log[before:], "the line of the session")
    lines = {line["event"]: line for line in map(json.loads, server.log[before:].splitlines())}
    assert SECRET not in str(lines)
    ended = lines["run ended"]
    assert ended["run_id"] == run.id
    assert ended["thread_id"] == talk.thread_id
    assert ended["request_id"].startswith("req_")
    assert (ended["status"], ended["calls"], ended["model"]) == ("completed", 1, run.model)
    assert ended["tokens_in"] == run.usage.prompt_tokens
    assert ended["tokens_out"] == run.usage.completion_tokens
    assert (ended["backend"], ended["turns"]) == ("upstream", 2)
    assert 0 < ended["exec_ms"] < ended["duration_ms"]
    assert ended["project_id"].startswith("proj_")
    assert ended["key_id"].startswith("key_")
    session = lines["session ended"]
    assert set(session) - {"worker"} == {
        "event", "level", "timestamp", "thread_id", "session_id", "project_id", "duration_ms", "calls", "jail",
    }  # fmt: skip
    assert (session["thread_id"], session["calls"]) == (talk.thread_id, 1)
