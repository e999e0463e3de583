"""Hosts of sessions as an operator sees them: by commands, by the admin API, and in the metrics."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from assistd.db.cluster import hosts, seats
from assistd.db.database import Database
from assistd.hosting import Beat, Claim
from tests.live.fixtures import StartServer
from tests.live.scrape import free_address, scrape
from tests.live.server import Server
from tests.live.tenants import client_of, new_admin_key
from tests.live.wire import Wire

pytestmark = pytest.mark.local_state


@pytest.fixture
def counted(start_server: StartServer) -> Server:
    """A server that tells what it counted."""
    return start_server(metrics_listen=free_address())


@pytest.fixture
def database(counted: Server) -> Iterator[Database]:
    """The server's own database."""
    data = Path(counted.environment["ASSISTD_DATA_DIR"])
    opened = Database(f"sqlite:///{data / 'assistd.sqlite3'}")
    yield opened
    opened.close()


def beat(name: str = "gpu-1") -> Beat:
    return Beat(name, 1.0, f"{name}:8486", "1.2.3", (1, 4), 6400, 50, warm=2)


def test_an_operator_sees_and_drains_hosts(counted: Server, database: Database, wire: Wire) -> None:
    database.run_sync(hosts.beat, beat())
    database.run_sync(seats.take, Claim("thread_a", "proj_1", 4))
    line = counted.command("hosts", "list").splitlines()[-1]
    name, state, *numbers = line.split()
    assert (name, numbers[:6]) == ("gpu-1", ["1", "of", "50", "5888", "of", "6400"])
    assert state in {"up", "down"}  # this machine may be slow
    assert line.endswith("  gpu-1:8486")
    with client_of(counted, new_admin_key(counted), wire) as client:
        answer = client.get(counted.url.replace("/v1", "/assistd/admin/hosts"))
        (row,) = answer.json()["data"]
    assert row.pop("silent_seconds") < 60
    assert row.pop("state") in {"up", "down"}  # this machine may be slow
    assert row == {
        "object": "assistd.host",
        "id": "gpu-1",
        "address": "gpu-1:8486",
        "build": "1.2.3",
        "tiers": [1, 4],
        "mib_total": 6400,
        "mib_free": 5888,
        "most": 50,
        "sessions": 1,
        "warm": 2,
        "is_on_probation": False,
        "refused": 0,
    }
    assert "closed" in counted.command("hosts", "drain", "gpu-1", "--minutes", "5")
    assert database.run_sync(hosts.beat, beat()).is_draining
    assert "draining" in counted.command("hosts", "list")
    counted.command("hosts", "drain", "gpu-1", "--undo")
    assert not database.run_sync(hosts.beat, beat()).is_draining
    with pytest.raises(AssertionError, match="No host has the id 'gpu-9'"):
        counted.command("hosts", "drain", "gpu-9")


def test_free_seats_are_counted_for_who_adds_hosts(counted: Server, database: Database) -> None:
    database.run_sync(hosts.beat, beat("gpu-1"))
    database.run_sync(hosts.beat, beat("gpu-2"))
    database.run_sync(hosts.drain, "gpu-2", 600.0)
    database.run_sync(seats.take, Claim("thread_a", "proj_1", 1))
    database.run_sync(hosts.beat, beat("gpu-1"))
    database.run_sync(hosts.beat, beat("gpu-2"))
    told = scrape(counted)
    assert told.sum("sandbox_hosts", state="up") == 1
    assert told.sum("sandbox_hosts", state="draining") == 1
    assert told.sum("seats_taken") == 1
    assert [told.sum("seats_free", memory=f"{n}g") for n in (1, 4, 16)] == [49, 12, 0]
