"""Four hundred claims at once for two hundred places: a limit is a limit, whoever asks, and wherever."""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from tests.cluster import cluster, scenarios
from tests.cluster.figures import Note
from tests.cluster.talking import Talker, code
from tests.live.server import API_KEY
from tests.live.tenants import new_project

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(900)]

_PLACES = 50
_LIMIT = 100
_CLAIMS = 400


def test_no_host_and_no_project_ever_has_more_than_it_may(figure: Note) -> None:
    settings: dict[str, Any] = {"project_sessions": _LIMIT, "queue_seconds": 300}
    with (
        cluster.running(hosts=4, sessions=_PLACES, **settings) as made,
        ExitStack() as stack,
    ):
        keys = [API_KEY, *(new_project(made.api, name)[1] for name in ("one", "other"))]
        talkers = [stack.enter_context(Talker(made.api.url, key)) for key in keys]
        most, is_over = Counter[str](), threading.Event()

        def watch() -> None:
            while not is_over.is_set():
                by_host = made.query(_BY.format("host_id"))
                by_project = made.query(_BY.format("project_id"))
                for name, count in (*by_host, *by_project):
                    most[str(name)] = max(most[str(name)], int(str(count)))
                for host in made.hosts:
                    zygote = host.zygote
                    live = len(zygote.children()) - 1 if zygote else 0  # beside the warm one
                    most["processes"] = max(most["processes"], live)
                time.sleep(0.1)

        watching = threading.Thread(target=watch)
        watching.start()
        began = time.monotonic()
        try:
            with ThreadPoolExecutor(40) as pool:
                texts = [code("time.sleep(2)")] * _CLAIMS
                runs = list(pool.map(lambda n: talkers[n % 4 % 3].begin(texts[n]), range(_CLAIMS)))
            ended = Counter(talkers[n % 4 % 3].finish(run, 600) for n, run in enumerate(runs))
        finally:
            is_over.set()
            watching.join()
        seconds = time.monotonic() - began
        processes = most.pop("processes")
        on_hosts = max(count for name, count in most.items() if name.startswith("host-"))
        of_projects = max(count for name, count in most.items() if name.startswith("proj_"))
        figure(
            f"{_CLAIMS} claims on 4 hosts: seats of one host, at most", on_hosts, "seats", _PLACES
        )
        figure(
            "  sessions of one host that have a process, at most", processes, "sessions", _PLACES
        )
        figure("  seats of one project, at most", of_projects, "seats", _LIMIT)
        figure("  runs that did not complete", _CLAIMS - ended["completed"], "runs", 0)
        figure("  all of them ended after", seconds, "s")
        assert on_hosts <= _PLACES
        assert of_projects <= _LIMIT
        assert ended == {"completed": _CLAIMS}
        scenarios.assert_nothing_left(made, *talkers)


_BY = "SELECT {0}, count(*) FROM seats WHERE host_id IS NOT NULL GROUP BY {0}"
