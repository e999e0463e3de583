"""A job of any kind is executed by the process that holds its lease, and by no other."""

from collections.abc import Iterator

import pytest
from sqlalchemy import (
    Column,
    Connection,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    insert,
)

from assistd import clock
from assistd.db.leases import NO_LEASE, Lease, LeaseLostError, Leases

INDEXING = Table(
    "indexing",
    MetaData(),
    Column("id", String, primary_key=True),
    Column("state", String, nullable=False),
    Column("lease_owner", String),
    Column("lease_until", Float),
    Column("takeovers", Integer),
)
LEASES = Leases(INDEXING, INDEXING.c.state == "working", counts_deaths=True)
MINE, OTHER = Lease("me", 60.0), Lease("another", 60.0)


@pytest.fixture
def connection() -> Iterator[Connection]:
    """A database with a kind of job that assistd does not have."""
    engine = create_engine("sqlite://")
    INDEXING.metadata.create_all(engine)
    with engine.connect() as connected:
        yield connected
    engine.dispose()


def add(
    connection: Connection, id_: str, lease: Lease | None = MINE, state: str = "working"
) -> None:
    columns = lease.columns(connection) if lease else NO_LEASE
    connection.execute(insert(INDEXING).values(id=id_, state=state, **columns))


def take_lapsed(connection: Connection, lease: Lease) -> dict[str, str]:
    rows = LEASES.take(
        connection, lease, LEASES.has_lapsed(clock.now()), reading=(INDEXING.c.state,)
    )
    return {row.id: row.state for row in rows}


def test_a_job_is_written_to_while_the_writer_has_its_lease(connection: Connection) -> None:
    add(connection, "job")
    LEASES.require(connection, "job", "me")


@pytest.mark.parametrize("lease", [OTHER, None])
def test_a_job_of_somebody_else_or_of_nobody_is_not_written_to(
    connection: Connection, lease: Lease | None
) -> None:
    add(connection, "job", lease)
    for job in ("job", "no such job"):
        with pytest.raises(LeaseLostError, match=f"{job} was taken over"):
            LEASES.require(connection, job, "me")


def test_a_living_process_keeps_its_jobs_by_renewing(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for id_ in ("renewed", "forgotten"):
        add(connection, id_)
    monkeypatch.setattr(clock, "_offset", clock._offset + 59)
    assert take_lapsed(connection, OTHER) == {}
    LEASES.renew(connection, MINE, ["renewed", "no such job"])
    monkeypatch.setattr(clock, "_offset", clock._offset + 2)
    assert take_lapsed(connection, OTHER) == {"forgotten": "working"}
    assert take_lapsed(connection, OTHER) == {}, "it is leased again"
    with pytest.raises(LeaseLostError):
        LEASES.require(connection, "forgotten", "me")


def test_a_lost_lease_cannot_be_renewed(connection: Connection) -> None:
    for id_, lease in (("mine", MINE), ("taken", OTHER), ("free", None)):
        add(connection, id_, lease)
    LEASES.renew(connection, Lease("me", 1000.0), ["mine", "taken", "free"])
    rows = connection.execute(INDEXING.select().where(LEASES.is_lost("me")))
    assert {row.id: row.lease_owner for row in rows} == {"taken": "another", "free": None}
    assert take_lapsed(connection, Lease("third", 1.0)) == {}


def test_the_deaths_of_processes_are_counted_and_no_job_that_was_given_back(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(connection, "job")
    counts: list[int] = []
    for gives_back in (True, False, True, False):
        if gives_back:
            LEASES.give_back(connection, "job")
        monkeypatch.setattr(clock, "_offset", clock._offset + (1 if gives_back else 61))
        which = LEASES.has_lapsed(clock.now())
        (row,) = LEASES.take(connection, OTHER, which, reading=())
        counts.append(row.takeovers)
    assert counts == [0, 1, 1, 2]
    assert take_lapsed(connection, OTHER) == {}


def test_a_job_that_waits_for_somebody_is_nobodys_to_take(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(connection, "waiting", state="waiting")
    add(connection, "never leased", None)
    monkeypatch.setattr(clock, "_offset", clock._offset + 3600)
    assert take_lapsed(connection, OTHER) == {}
