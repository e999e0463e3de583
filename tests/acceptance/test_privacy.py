"""What users, models and code say is nobody's business: the log never holds it."""

from tests.acceptance.conftest import Ask
from tests.live.server import API_KEY, Server
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
