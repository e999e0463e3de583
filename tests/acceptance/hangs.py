"""A test that never ends, with all behind it that tests start; `test_interrupted.py` interrupts it.

Its file has no name of a test's: only who names it runs it.
"""

import os
from pathlib import Path

from tests.acceptance.conftest import Ask
from tests.live.fixtures import StartServer
from tests.live.server import named, running, wait_until
from tests.upstream import Upstream


def test_hangs(start_server: StartServer, ask_at: Ask, upstream: Upstream) -> None:
    server = start_server()
    upstream.code(named("hangs", "while True: pass"))
    talk = ask_at(server)
    run = talk.start()
    wait_until(lambda: running(server, "hangs"), "the code")
    Path(os.environ["HANGING_TEST"]).touch()
    talk.poll(run.id)
