"""What is done to a cluster, and what is seen then; each in short in the smoke test, and at length in the others."""

import json
import statistics
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from tests.cluster.cluster import Cluster, SandboxHost
from tests.cluster.figures import Note
from tests.cluster.network import list_listening, run
from tests.cluster.talking import DONE, Run, Talker, code, find_begun, find_times
from tests.live.server import named, wait_until

_LASTING = """import time
while True:
    print('at %.3f' % time.time(), flush=True)
    time.sleep(0.1)
"""
_TRY = """import socket
reached = []
for target in {targets!r}:
    is_unix = isinstance(target, str)
    try:
        with socket.socket(socket.AF_UNIX if is_unix else socket.AF_INET) as each:
            each.settimeout(1)
            each.connect(target.replace('@', chr(0), 1) if is_unix else target)
        reached.append(target if is_unix else '%s:%s' % target)
    except OSError:
        pass
print('reached', reached)
"""
_GENERATION = "SELECT generation FROM seats WHERE workspace_id = %s"
_SEATED = "SELECT workspace_id FROM seats WHERE host_id IS NOT NULL"


def read_log(text: str, **fields: str) -> list[dict[str, Any]]:
    """The lines of a log that have these fields, with the time in Unix seconds."""
    found: list[dict[str, Any]] = []
    for line in text.splitlines():
        read = json.loads(line) if line.startswith("{") else {}
        if read and fields.items() <= read.items():
            found.append(read | {"at": datetime.fromisoformat(read["timestamp"]).timestamp()})
    return found


def find_by_name(host: SandboxHost, name: str) -> list[psutil.Process]:
    """The processes below a host that gave themselves a name."""
    found: list[psutil.Process] = []
    for each in host.process.children(recursive=True):
        try:
            found += [each] if each.name() == name else []
        except psutil.NoSuchProcess:
            continue
    return found


def wait_for_seats(cluster: Cluster, runs: list[Run]) -> dict[Run, SandboxHost]:
    """Wait until the thread of every run has a seat; on which host."""
    found: dict[Run, SandboxHost] = {}

    def have_all() -> bool:
        for each in runs:
            host = cluster.find_host(each.thread_id)
            if each not in found and host is not None:
                found[each] = host
        return len(found) == len(runs)

    wait_until(have_all, f"sessions of {len(runs)} runs", 120)
    return found


def kill_a_host(cluster: Cluster, talker: Talker, note: Note, count: int) -> None:
    """Kill the host that has most runs with code: its runs go on elsewhere, and all complete."""
    seconds = 8 + count / 4  # until all have begun
    runs = talker.begin_many([named("busy", code(f"time.sleep({seconds})"))] * count)
    places = wait_for_seats(cluster, runs)

    def count_busy() -> int:
        return sum(len(find_by_name(host, "busy")) for host in cluster.hosts)

    wait_until(lambda: count_busy() == count, "all run at once", 60)
    victim = max(cluster.hosts, key=lambda each: list(places.values()).count(each))
    struck = {each.thread_id for each in runs if places[each] is victim}
    killed_at = time.time()
    victim.kill()
    assert {talker.finish(each) for each in runs} == {"completed"}
    known = find_ends(cluster, struck, killed_at)
    assert known.keys() == struck
    again: list[float] = []
    for each in runs:
        logs = talker.logs(each)
        assert [DONE in part for part in logs] == [False] * (len(logs) - 1) + [True]
        assert (len(logs) > 1) == (each.thread_id in struck), (
            "only those of the dead host ran again"
        )
        if each.thread_id in struck:
            again += [find_begun(talker, each)[1] - known[each.thread_id]]
    last = max(known.values()) - killed_at
    note(
        f"host killed during {count} runs with code: the last of {len(struck)} callers knows",
        last,
        "s",
        0.1,
    )
    note("  the next call runs elsewhere, the first", min(again), "s", 1)
    note("  the next call runs elsewhere, median", statistics.median(again), "s", 1)
    note("  the next call runs elsewhere, the last", max(again), "s", 1)
    note("  runs that did not complete", 0, "runs", 0)
    assert last < 10
    victim.start()
    cluster.wait_for([victim], "up")


def cut_a_link(cluster: Cluster, talker: Talker, note: Note, seconds: float = 0) -> None:
    """Cut the cable of a host where code runs; mend it after so many seconds, once the host is down for all."""
    word = f"cut for {seconds:g} seconds"
    cluster.upstream.code(named("lasting", _LASTING), when=word)
    begun = talker.begin(f"# {word}\n{code()}")
    (host,) = wait_for_seats(cluster, [begun]).values()
    wait_until(lambda: find_by_name(host, "lasting"), "the code runs")
    (old,) = find_by_name(host, "lasting")
    (before,) = cluster.query(_GENERATION, begun.thread_id)
    time.sleep(0.5)  # it shows something
    cut_at = time.time()
    host.machine.cut()
    wait_until(lambda: find_ends(cluster, {begun.thread_id}, cut_at), "the caller knows")
    (known_at,) = find_ends(cluster, {begun.thread_id}, cut_at).values()
    cluster.wait_for([host], "down")
    down_at = time.time()
    assert talker.finish(begun) == "completed"
    dead_at = wait_for_death(old, until=cut_at + seconds)
    time.sleep(max(0.0, cut_at + seconds - time.time()))
    host.machine.mend()
    mended_at = time.time()
    cluster.wait_for([host], "up")
    dead_at = dead_at or wait_for_death(old, until=time.time() + 60)
    assert dead_at, "the session that nobody reached lives on"
    first, last = talker.logs(begun)
    shown = find_times("at", first)
    late = [at for at in shown if at > known_at]
    assert shown
    assert not late, "what the old session showed after the cut was taken"
    assert DONE in last
    (after,) = cluster.query(_GENERATION, begun.thread_id)
    assert after > before
    note(f"link cut for {mended_at - cut_at:.0f} s: the caller knows", known_at - cut_at, "s", 3)
    note("  the host is down for all", down_at - cut_at, "s", 6)
    note("  the next call runs elsewhere", min(find_times("begun", last)) - known_at, "s", 1)
    note("  the old session is dead", dead_at - cut_at, "s", 20)
    note("  its outputs that were taken afterwards", len(late), "lines", 0)
    assert known_at - cut_at < 10


def find_ends(cluster: Cluster, threads: set[str], since: float) -> dict[str, float]:
    """When the servers first knew, after a time, that the sessions of threads were over."""
    found: dict[str, float] = {}
    for server in cluster.servers:
        for line in read_log(server.log, event="session ended"):
            key, at = line["thread_id"], line["at"]
            if key in threads and at > since:
                found[key] = min(at, found.get(key, at))
    return found


def wait_for_death(process: psutil.Process, until: float) -> float | None:
    """When a process was seen to have ended; None where it still runs."""
    while process.is_running():
        if time.time() > until:
            return None
        time.sleep(0.02)
    return time.time()


def try_ports(cluster: Cluster, talker: Talker) -> int:
    """Have code try every port and abstract socket that anybody listens at on any machine; it reaches none.

    Returns:
        How many it tried.
    """
    machines = [cluster.network.own, *(host.machine for host in cluster.hosts)]
    targets: list[tuple[str, int] | str] = []
    for machine in machines:
        for each in sorted(list_listening(machine), key=str):
            if isinstance(each, int):
                targets += [(address, each) for address in {"127.0.0.1", machine.address}]
            else:
                targets += [each]
    tries = _TRY.format(targets=targets)
    expected = {cluster.hosts[0].address, cluster.control.removeprefix("ipv4:").split(",")[0]}
    control = run(cluster.hosts[0].machine.at(sys.executable, "-c", tries))
    assert all(each in control for each in expected), f"the attempts do not work: {control}"
    begun = talker.begin(code(tries))
    assert talker.finish(begun) == "completed"
    (seen,) = talker.logs(begun)
    assert "reached []" in seen, seen
    return len(targets)


def assert_nothing_left(cluster: Cluster, *talkers: Talker) -> None:
    """See that rows and sessions agree, and that nothing is left of threads once they are deleted."""
    for (key,) in cluster.query(_SEATED):
        answers = [each.http.delete(f"/threads/{key}") for each in talkers]
        assert any(each.is_success for each in answers), answers
    wait_until(lambda: not cluster.query(_SEATED), "all seats are given back", 60)
    assert cluster.query("SELECT sum(seats) FROM seat_counts") == [(0,)]
    for row in cluster.list_hosts():
        assert (row.sessions, row.mib_free) == (0, row.mib_total), row
    for host in cluster.hosts:
        wait_until(lambda host=host: host.is_idle, f"nothing is left of sessions at {host.id}", 60)
    groups = {path.name.split("-")[2] for path in Path("/sys/fs/cgroup").glob("**/assistd-*-*-*-*")}
    assert not groups & {str(each) for host in cluster.hosts for each in host.dead}
    mounts = Path("/proc/self/mountinfo").read_text()
    assert str(cluster.folder) not in mounts
