"""For two minutes a random part is killed every five seconds; PostgreSQL and S3 are restarted once each."""

import random
import time
from collections import Counter

import psutil
import pytest

from tests.cluster import scenarios
from tests.cluster.cluster import Cluster, kill
from tests.cluster.figures import Note
from tests.cluster.load import Load
from tests.cluster.talking import Talker

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(900)]

_SECONDS = 120
_EVERY_SECONDS = 5.0
_CLIENTS = 6
_LEASE_SECONDS = 15.0
_WORK = "import random\ntime.sleep(random.uniform(0, 2))"


def test_nothing_acknowledged_is_lost_and_nothing_is_left(
    three: Cluster, talker: Talker, figure: Note
) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    chance, killed = random.Random(seed), Counter[str]()
    load = Load(talker, _WORK)
    with load.working(_CLIENTS) as acknowledged:
        began = time.monotonic()
        for number in range(round(_SECONDS / _EVERY_SECONDS)):
            time.sleep(max(0.0, began + (number + 1) * _EVERY_SECONDS - time.monotonic()))
            if number == 8:
                three.restart_postgres()
                killed["postgres"] += 1
            elif number == 16:
                three.store.kill()
                time.sleep(1)
                three.store.start()
                killed["s3"] += 1
            else:
                killed[kill_a_part(three, chance)] += 1
    over_at = time.monotonic()
    three.wait_for(three.hosts, "up", 60)
    ended = load.wait_for_ends(_LEASE_SECONDS + 60)
    stuck = time.monotonic() - over_at
    lost = load.find_lost()
    told = Counter(
        (line["event"], line.get("error"), line.get("where"))
        for line in scenarios.read_log(three.api.log, level="error")
    )
    print(f"errors of the servers {dict(told)}")
    print(f"killed {dict(killed)}; failures {acknowledged.failures}; runs {dict(ended)}")
    print(dict(load.list_failures()))
    figure(
        f"{sum(killed.values())} parts killed in 2 minutes: acknowledged objects lost",
        len(lost),
        "objects",
        0,
    )
    figure("  of so many", len(acknowledged.objects) + len(acknowledged.files), "objects")
    figure("  runs, of which each ended", len(acknowledged.runs), "runs")
    figure("  runs that did not complete", ended.total() - ended["completed"], "runs")
    figure("  the last one ended after the last death by", stuck, "s", _LEASE_SECONDS + 5)
    assert not lost
    assert ended["completed"] > len(acknowledged.runs) / 2
    scenarios.assert_nothing_left(three, talker)
    figure("  processes, mounts, control groups and seats left", 0, "", 0)


def kill_a_part(cluster: Cluster, chance: random.Random) -> str:
    """Kill a worker, a host, a zygote or a session by chance; what it was."""
    kind = chance.choice(["worker", "host", "zygote", "session"])
    if kind == "worker":
        kill(chance.choice(cluster.workers()))
        return kind
    host = chance.choice(cluster.hosts)
    if kind == "host":
        host.kill()
        host.start()
        return kind
    zygote = host.zygote
    try:
        sessions = zygote.children() if zygote else []
        if kind == "session" and sessions:
            kill(chance.choice(sessions))
        elif kind == "zygote" and zygote:
            kill(zygote)
        else:
            return f"no {kind}"
    except psutil.NoSuchProcess:
        return f"no {kind}"
    return kind
