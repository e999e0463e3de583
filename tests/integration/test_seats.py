"""Seats of sessions on hosts: whoever claims them at once, no host and no project gets too many."""

import asyncio
import itertools
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, select

from assistd.db.cluster import hosts, tables
from assistd.db.database import Database
from assistd.db.transaction import transaction
from assistd.engine.seating import SharedSeating
from assistd.errors import NotFoundError
from assistd.hosting import Beat, Claim, NoSeatError, Seat, count_reserved_mib, find_tier
from tests.live import children
from tests.live.backends import Backends

_names = itertools.count()
_PLACES = 50


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path, backends: Backends) -> str:
    """The URL of an empty database."""
    local = request.param == "sqlite"
    return f"sqlite:///{tmp_path / 'test.sqlite3'}" if local else backends.new_database()


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    made = Database(url)
    made.open()
    yield made
    made.close()


@pytest.fixture
def seating(database: Database) -> SharedSeating:
    return SharedSeating(database)


def host(name: str = "host-a", **said: object) -> Beat:
    """What a host with room for fifty small sessions says of itself."""
    beat = Beat(name, 1.0, f"{name}:7000", "1.0", (1, 4), 64 * _PLACES, 2 * _PLACES, warm=1)
    return replace(beat, **said)  # type: ignore[arg-type]


def claim(workspace: str = "", project: str = "proj_1", **wanted: object) -> Claim:
    return replace(Claim(workspace or f"thread_{next(_names)}", project), **wanted)  # type: ignore[arg-type]


@transaction()
def count_rows(connection: Connection) -> tuple[dict[str, int], dict[str, int]]:
    """How many seats hosts and projects have, by the rows of the seats themselves."""
    seats = tables.seats.c
    by_host, by_project = (
        {name: number for name, number in rows if number}
        for rows in (
            connection.execute(
                select(column, func.count()).where(seats.host_id.is_not(None)).group_by(column)
            ).all()
            for column in (seats.host_id, seats.project_id)
        )
    )
    return by_host, by_project


@transaction()
def read_counts(connection: Connection) -> tuple[dict[str, int], dict[str, int]]:
    """How many seats hosts and projects have, as their own rows count them."""
    hosts_, counts = tables.hosts.c, tables.seat_counts.c
    return (
        {n: k for n, k in connection.execute(select(hosts_.id, hosts_.sessions)).all() if k},
        {n: k for n, k in connection.execute(select(counts.project_id, counts.seats)).all() if k},
    )


@transaction()
def read_rooms(connection: Connection) -> dict[str, int]:
    """How many MiB of each host are free."""
    found = select(tables.hosts.c.id, tables.hosts.c.mib_free)
    return dict(map(tuple, connection.execute(found).all()))


async def check_counts(database: Database) -> tuple[dict[str, int], dict[str, int]]:
    """The seats of hosts and of projects, once it is seen that every row counts the same."""
    counted = await database.run(count_rows)
    assert await database.run(read_counts) == counted
    return counted


async def test_a_workspace_keeps_its_seat_and_the_next_is_another_generation(
    seating: SharedSeating, database: Database
) -> None:
    await seating.beat(host())
    assert await seating.find("thread_a") is None
    seat = await seating.claim(claim("thread_a"))
    assert seat == Seat("thread_a", "proj_1", "host-a", "host-a:7000", 1, 64)
    assert await seating.find("thread_a") == seat
    assert await seating.claim(claim("thread_a")) == seat
    assert await database.run(read_rooms) == {"host-a": 64 * (_PLACES - 1)}
    await seating.leave(seat)
    assert await seating.find("thread_a") is None
    assert await database.run(read_rooms) == {"host-a": 64 * _PLACES}
    await seating.leave(seat)
    again = await seating.claim(claim("thread_a"))
    assert again.generation == 2
    await seating.leave(seat)
    assert await seating.find("thread_a") == again, "a seat of before gives nothing back"
    await check_counts(database)


async def test_a_project_and_a_host_have_no_more_than_they_may(
    seating: SharedSeating, database: Database
) -> None:
    await seating.beat(host(mib=3 * 64))
    kept = [await seating.claim(claim(limit=2)) for _ in range(2)]
    with pytest.raises(NoSeatError) as full:
        await seating.claim(claim(limit=2))
    assert full.value.is_of_project
    await seating.claim(claim(project="proj_2"))
    with pytest.raises(NoSeatError) as full:
        await seating.claim(claim(project="proj_3"))
    assert not full.value.is_of_project
    await seating.leave(kept[0])
    await seating.claim(claim(limit=2))
    assert await check_counts(database) == ({"host-a": 3}, {"proj_1": 2, "proj_2": 1})


async def test_large_sessions_reserve_all_of_their_memory(
    seating: SharedSeating, database: Database
) -> None:
    await seating.beat(host(mib=20 * 1024, tiers=(1, 4, 16)))
    for tier, free in ((16, 4096), (4, 3584), (1, 3520)):
        await seating.claim(claim(tier=tier))
        assert await database.run(read_rooms) == {"host-a": free}
    with pytest.raises(NoSeatError):
        await seating.claim(claim(tier=16))
    with pytest.raises(NoSeatError):
        await seating.claim(claim(tier=64))


@pytest.mark.parametrize(
    ("mib", "tier", "reserved"),
    [(256, 1, 64), (1024, 1, 64), (1025, 4, 512), (16384, 16, 16384), (65536, 64, 65536)],
)
def test_what_is_reserved_of_a_host(mib: int, tier: int, reserved: int) -> None:
    assert find_tier(mib) == tier
    assert count_reserved_mib(tier) == reserved


async def test_of_two_hosts_the_emptier_is_taken_and_none_that_is_avoided(
    seating: SharedSeating,
) -> None:
    await seating.beat(host("host-a"))
    await seating.beat(host("host-b"))
    taken = [(await seating.claim(claim())).host_id for _ in range(20)]
    assert Counter(taken) == {"host-a": 10, "host-b": 10}
    assert (await seating.claim(claim(avoiding=("host-a",)))).host_id == "host-b"
    with pytest.raises(NoSeatError):
        await seating.claim(claim(avoiding=("host-a", "host-b")))


async def test_a_seat_on_a_silent_host_is_taken_elsewhere(
    seating: SharedSeating, database: Database, advance: Callable[[float], None]
) -> None:
    await seating.beat(host("host-a"))
    seat = await seating.claim(claim("thread_a"))
    advance(4)
    await seating.beat(host("host-b"))
    assert await seating.find("thread_a") == seat
    advance(1.5)
    assert await seating.find("thread_a") is None
    assert {each.id: each.state for each in await seating.list_hosts()} == {
        "host-a": "down",
        "host-b": "up",
    }
    moved = await seating.claim(claim("thread_a"))
    assert (moved.host_id, moved.generation) == ("host-b", 2)
    order = await seating.beat(host("host-a", sessions={"thread_a": 1, "thread_x": 1}))
    assert order.ending == {"thread_a": 1, "thread_x": 1}, "they have no seat there any more"
    order = await seating.beat(host("host-b", sessions={"thread_a": 2}))
    assert order.ending == {}
    assert await check_counts(database) == ({"host-b": 1}, {"proj_1": 1})


async def test_a_seat_that_is_left_for_another_host(
    seating: SharedSeating, database: Database
) -> None:
    await seating.beat(host("host-a"))
    seat = await seating.claim(claim("thread_a", limit=1))
    await seating.beat(host("host-b"))
    leaving = claim("thread_a", limit=1, leaving=seat, avoiding=("host-a",))
    moved = await seating.claim(leaving)
    assert (moved.host_id, moved.generation) == ("host-b", 2)
    assert await seating.claim(leaving) == moved, "who comes later finds it moved already"
    assert await check_counts(database) == ({"host-b": 1}, {"proj_1": 1})


async def test_a_claim_that_fails_leaves_the_old_seat(
    seating: SharedSeating, database: Database
) -> None:
    await seating.beat(host("host-a"))
    seat = await seating.claim(claim("thread_a"))
    with pytest.raises(NoSeatError):
        await seating.claim(claim("thread_a", leaving=seat, avoiding=("host-a",)))
    assert await seating.find("thread_a") == seat
    await check_counts(database)


async def test_the_seats_of_a_dead_host_are_given_back_once_its_sessions_must_be_dead(
    seating: SharedSeating, database: Database, advance: Callable[[float], None]
) -> None:
    await seating.beat(host("host-a"))
    await seating.claim(claim("thread_a"))
    reap = seating.duty().act
    advance(19)
    await reap()
    assert await check_counts(database) == ({"host-a": 1}, {"proj_1": 1})
    advance(2)
    await reap()
    assert await check_counts(database) == ({}, {})
    advance(3600)
    await reap()
    assert await seating.list_hosts() == []
    await seating.beat(host("host-a"))
    assert (await seating.claim(claim("thread_a"))).generation == 1, "an old one is long dead"


async def test_a_seat_that_no_session_fills_is_given_back(
    seating: SharedSeating, database: Database, advance: Callable[[float], None]
) -> None:
    await seating.beat(host())
    kept, lost = [await seating.claim(claim()) for _ in range(2)]
    live = {kept.workspace_id: kept.generation}
    advance(110)
    await seating.beat(host(sessions=live))
    assert await seating.find(lost.workspace_id) == lost, "it may still be opening"
    advance(11)
    await seating.beat(host(sessions=live))
    assert await seating.find(lost.workspace_id) is None
    assert await seating.find(kept.workspace_id) == kept
    await seating.beat(host(sessions={}))
    assert await check_counts(database) == ({}, {})


async def test_a_seat_whose_session_was_there_is_given_back_with_the_first_list_without_it(
    seating: SharedSeating, database: Database
) -> None:
    await seating.beat(host())
    over, opening = [await seating.claim(claim()) for _ in range(2)]
    await seating.beat(host(sessions={over.workspace_id: over.generation}))
    assert await seating.find(over.workspace_id) == over
    await seating.beat(host(sessions={}))
    assert await seating.find(over.workspace_id) is None
    assert await seating.find(opening.workspace_id) == opening


async def test_a_host_that_starts_again_has_no_seats_and_its_former_process_no_say(
    seating: SharedSeating, database: Database
) -> None:
    await seating.beat(host())
    await seating.claim(claim())
    await database.run(hosts.drain, "host-a", 60.0)
    order = await seating.beat(host(started_at=2.0, mib=640))
    assert not order.is_draining
    assert await check_counts(database) == ({}, {})
    assert (await seating.beat(host())).is_replaced
    (seen,) = await seating.list_hosts()
    assert (seen.mib_total, seen.mib_free, seen.state) == (640, 640, "up")
    await seating.remove("host-a", 1.0)
    assert await seating.list_hosts()
    await seating.claim(claim())
    await seating.remove("host-a", 2.0)
    assert await seating.list_hosts() == []
    assert await check_counts(database) == ({}, {})


async def test_a_host_that_has_more_memory_than_before(
    seating: SharedSeating, database: Database
) -> None:
    await seating.beat(host(mib=640))
    await seating.claim(claim())
    await seating.beat(host(mib=1280))
    assert await database.run(read_rooms) == {"host-a": 1280 - 64}


async def test_a_drained_host_gets_no_seats_and_keeps_those_it_has(
    seating: SharedSeating, database: Database, advance: Callable[[float], None]
) -> None:
    await seating.beat(host())
    seat = await seating.claim(claim("thread_a"))
    await database.run(hosts.drain, "host-a", 4.0)
    assert await seating.find("thread_a") == replace(seat, is_draining=True)
    with pytest.raises(NoSeatError):
        await seating.claim(claim())
    order = await seating.beat(host())
    assert (order.is_draining, order.is_over) == (True, False)
    advance(4.5)
    order = await seating.beat(host())
    assert (order.is_draining, order.is_over) == (True, True)
    await database.run(hosts.drain, "host-a", None)
    order = await seating.beat(host())
    assert (order.is_draining, order.is_over) == (False, False)
    await seating.claim(claim())
    with pytest.raises(NotFoundError, match="host-b"):
        await database.run(hosts.drain, "host-b", 1.0)


async def test_a_host_that_breaks_three_claims_in_a_minute_gets_none_until_one_works(
    seating: SharedSeating, advance: Callable[[float], None]
) -> None:
    await seating.beat(host())
    assert [await seating.note_breach("host-a") for _ in range(2)] == [False, False]
    advance(61)
    await seating.beat(host())
    assert [await seating.note_breach("host-a") for _ in range(3)] == [False, False, True]
    with pytest.raises(NoSeatError):
        await seating.claim(claim())
    (seen,) = await seating.list_hosts()
    assert (seen.is_on_probation, seen.refused) == (True, 5)
    assert await seating.take_probe() is None, "not at once"
    advance(11)
    assert await seating.take_probe() is None, "not while it is down"
    await seating.beat(host())
    probed = await seating.take_probe()
    assert probed
    assert probed.id == "host-a"
    assert await seating.take_probe() is None, "one tries it at a time"
    await seating.end_probation("host-a")
    await seating.claim(claim())
    assert await seating.note_breach("host-a") is False


class Claimers:
    """Processes that claim seats together once `claim` says so; see `claiming_seats`."""

    def __init__(self, url: str, *wanted: tuple[str, int, int]) -> None:
        self._processes = [
            children.start(
                [
                    *(sys.executable, "-m", "tests.integration.claiming_seats", url),
                    *(project, limit, 1000 * number, claims, 4),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for number, (project, limit, claims) in enumerate(wanted)
        ]

    def claim(self) -> Counter[str]:
        """What came of all claims."""
        for each in self._processes:
            assert each.stdout.readline() == "ready\n"
        for each in self._processes:
            each.stdin.write("go\n")
            each.stdin.flush()
        done = [each.communicate(timeout=120)[0] for each in self._processes]
        assert not any(each.returncode for each in self._processes)
        return Counter(line for output in done for line in output.splitlines())


@pytest.mark.parametrize("names", [["proj_1"], ["proj_1", "proj_2", "proj_3"]])
def test_400_claims_at_once_take_no_more_than_there_is(
    url: str, database: Database, names: list[str], advance: Callable[[float], None]
) -> None:
    advance(600)  # no beat comes while they claim, so that these must last
    for each in range(4):
        database.run_sync(hosts.beat, host(f"host-{each}", most=_PLACES))
    wanted = [(names[number % len(names)], 100, 100) for number in range(4)]
    came = Claimers(url, *wanted).claim()
    by_host, by_project = asyncio.run(check_counts(database))
    assert sum(came.values()) == 400
    assert max(by_host.values()) <= _PLACES
    assert max(by_project.values()) <= 100
    assert sum(by_host.values()) == (100 if len(names) == 1 else 200), "nor fewer"
    assert {name: n for name, n in came.items() if not name.startswith("-")} == by_host
