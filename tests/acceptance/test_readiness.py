"""What a server says of itself while something that it needs fails."""

import httpx
import pytest
from sqlalchemy import Connection, text

from assistd.db.transaction import transaction
from tests.live.fixtures import StartServer
from tests.live.scrape import free_address, scrape
from tests.live.server import API_KEY, wait_until
from tests.live.tenants import database_of


@transaction(writes=True)
def rename_keys(connection: Connection, name: str, new: str) -> None:
    connection.execute(text(f"ALTER TABLE {name} RENAME TO {new}"))


@pytest.mark.every_backend
def test_a_server_whose_database_fails_is_not_ready_until_it_works_again(
    start_server: StartServer,
) -> None:
    server = start_server(metrics_listen=free_address())
    root = server.url.removesuffix("/v1")

    def failing() -> list[str]:
        """What the server says it lacks; it looks once a second."""
        told = httpx.get(f"{root}/health/ready")
        found = told.json()
        assert told.status_code == (503 if found["failing"] else 200)
        assert found["status"] == ("not ready" if found["failing"] else "ready")
        return found["failing"]

    wait_until(lambda: failing() == [], "the server is ready")
    with database_of(server) as database:
        database.run_sync(rename_keys, "api_keys", "lost_keys")
        wait_until(lambda: failing() == ["database"], "the server knows that its database fails")
        assert httpx.get(f"{root}/health/live").status_code == 200
        told = scrape(server)
        assert told["ready"] == 0
        assert told.sum("db_errors_total", access="read") > 0
        headers = {"authorization": f"Bearer {API_KEY}", "openai-beta": "assistants=v2"}
        told_client = httpx.get(f"{server.url}/assistants", headers=headers)
        assert (told_client.status_code, "keys" in told_client.text) == (500, False)
        database.run_sync(rename_keys, "lost_keys", "api_keys")
    wait_until(lambda: failing() == [], "the server is ready again")
    assert scrape(server)["ready"] == 1
    assert httpx.get(f"{server.url}/assistants", headers=headers).status_code == 200
