"""What each added host brings: one, two and four, each held to a quarter of a core with all its sessions.

One API process, PostgreSQL and the scripted upstream have the rest of the machine, so what grows is what hosts bear.
"""

import asyncio
import itertools
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import psutil

from bench.cgroups import can_hold
from bench.client import Client
from bench.figures import Figure
from bench.joined import Joined, Papers, joined_host, write_api_certificate
from bench.networks import Place, find_free_port, linked_places
from bench.options import Options
from bench.rest import await_rest
from bench.servers import databases, server, upstream
from bench.turns import make_assistant

_STAGES = (1, 2, 4)  # hosts
_CORES = 0.25  # of each
_CLIENTS = 6  # for each host, so that no host rests
_PAUSE_SECONDS = 0.25  # between two polls
_SECONDS_EACH = 4  # times `--seconds`
_GOAL = 0.9
_CODE = """
import time
end = time.process_time() + 0.05
while time.process_time() < end:
    pass
print(1)
"""


def measure(options: Options) -> list[Figure]:
    """Return runs per second with each number of hosts, and what each added one brought of the first."""
    if not can_hold():
        print("no growth: groups of processes cannot be made here (that takes root)")
        return []
    rates, spent = _grow(_SECONDS_EACH * options.seconds)
    figures = [
        Figure(f"runs whose code computes 50 ms, {count} hosts", "per second", (rate,))
        for count, rate in rates.items()
    ]
    figures.append(Figure("the server's processor, of such a run", "ms", tuple(spent)))
    for before, count in itertools.pairwise(_STAGES):
        brought = (rates[count] - rates[before]) / (count - before) / rates[1]
        name = f"each host from {before} to {count} brings, of the first"
        figures.append(Figure(name, "per first host", (brought,), goal=_GOAL))
    return figures


def _grow(seconds: float) -> tuple[dict[int, float], list[float]]:
    """Return runs per second by the number of hosts, and what each took of the server's processor (ms)."""
    rates: dict[int, float] = {}
    spent: list[float] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="growth-")))
        places = stack.enter_context(linked_places(_STAGES[-1]))
        make_database = stack.enter_context(databases())
        model = stack.enter_context(upstream("--code", _CODE))
        papers, certificate = write_api_certificate(folder / "certificates")
        port = find_free_port()
        serving = stack.enter_context(
            server(
                folder / "api",
                model,
                ASSISTD_DATABASE_URL=make_database(),
                ASSISTD_LOG_LEVEL="warning",
                ASSISTD_HOSTS_LISTEN=f"0.0.0.0:{port}",
                ASSISTD_HOSTS_CERTIFICATES=str(certificate),
            )
        )
        hosts: list[Joined] = []
        for count in _STAGES:
            print(f"{count} hosts")
            for number in range(len(hosts), count):
                hosts.append(_join(stack, papers, number, places[number], port))
            before = _processor_seconds(serving.pid)
            rates[count], runs = asyncio.run(_load(serving.url, hosts, seconds))
            spent.append(1000 * (_processor_seconds(serving.pid) - before) / runs)
    return rates, spent


def _processor_seconds(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def _join(stack: ExitStack, papers: Papers, number: int, place: Place, port: int) -> Joined:
    host = joined_host(
        papers, f"host-{number}", place, port, held=True, ASSISTD_PARKED_SESSIONS="0"
    )
    return stack.enter_context(host)


async def _load(url: str, hosts: list[Joined], seconds: float) -> tuple[float, int]:
    """Have so many clients as keep the hosts busy, which leave no session; return runs per second, and how many in all."""
    for host in hosts:
        assert host.group
        host.group.hold(1)
        await asyncio.to_thread(await_rest, host.pid)
    ended: list[float] = []
    async with Client.connect(url) as client:
        assistant = await make_assistant(client)
        threads = [
            (await client.call("POST", "/v1/threads", {}))["id"]
            for _ in range(_CLIENTS * len(hosts))
        ]
        for thread in threads:
            await _run(client, assistant, thread)
        for host in hosts:
            assert host.group
            host.group.hold(_CORES)
        began = time.perf_counter()
        loops = (_repeat(url, assistant, each, began + 1.25 * seconds, ended) for each in threads)
        await asyncio.gather(*loops)
    async with Client.connect(url) as client:  # the other one was left alone for too long
        for thread in threads:
            await client.call("DELETE", f"/v1/threads/{thread}")
    first, last = began + 0.25 * seconds, began + 1.25 * seconds
    rate = sum(first <= each < last for each in ended) / seconds
    return rate, len(ended) + len(threads)


async def _repeat(url: str, assistant: str, thread: str, until: float, ended: list[float]) -> None:
    async with Client.connect(url) as client:
        while time.perf_counter() < until:
            await _run(client, assistant, thread)
            ended.append(time.perf_counter())


async def _run(client: Client, assistant: str, thread: str) -> None:
    """Have one run; few polls, for they take what the API has left of the processor."""
    body = {
        "assistant_id": assistant,
        "additional_messages": [{"role": "user", "content": "Hello"}],
        "truncation_strategy": {"type": "last_messages", "last_messages": 1},
    }
    run = await client.call("POST", f"/v1/threads/{thread}/runs", body)
    while run["status"] in {"queued", "in_progress"}:
        await asyncio.sleep(_PAUSE_SECONDS)
        run = await client.call("GET", f"/v1/threads/{thread}/runs/{run['id']}")
    assert run["status"] == "completed", run
