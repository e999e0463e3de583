"""Ways to a state: its server's API for who takes no answer but success, and its database for who cannot wait."""

import sqlite3
from pathlib import Path
from typing import Any

import httpx
import psycopg

from tests.live.server import Server, wait_until


class Api:
    """A client that takes no answer but success.

    Args:
        client: a client with a key.
    """

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        """Create or change something."""
        return self._json(self.client.post(path, json=body))

    def get(self, path: str) -> dict[str, Any]:
        """Look something up."""
        return self._json(self.client.get(path))

    def delete(self, path: str) -> None:
        """Remove something."""
        self._json(self.client.delete(path))

    def upload(self, name: str, content: bytes, purpose: str = "assistants") -> str:
        """Upload a file; its id."""
        files = {"file": (name, content)}
        return self._json(self.client.post("files", files=files, data={"purpose": purpose}))["id"]

    def add_part(self, upload_id: str, data: bytes) -> str:
        """Add a part to an upload; its id."""
        path = f"uploads/{upload_id}/parts"
        return self._json(self.client.post(path, files={"data": data}))["id"]

    def settled(self, run: dict[str, Any]) -> dict[str, Any]:
        """Wait until a run has ended, or waits for its client."""
        path = f"threads/{run['thread_id']}/runs/{run['id']}"

        def is_settled() -> bool:
            return self.get(path)["status"] not in {"queued", "in_progress", "cancelling"}

        wait_until(is_settled, "the end of a run")
        return self.get(path)

    @staticmethod
    def _json(answer: httpx.Response) -> dict[str, Any]:
        assert answer.status_code == 200, answer.text
        return answer.json()


class Statuses:
    """Reads the status of a thread's run in the database itself, as often as a processor can."""

    def __init__(self, server: Server, thread: str) -> None:
        settings = server.state.settings
        self._thread = thread
        self._connection: Any
        if url := settings.get("database_url"):
            self._connection = psycopg.connect(str(url), autocommit=True)
            self._query = "SELECT status FROM runs WHERE thread_id = %s"
        else:
            path = Path(str(settings["data_dir"])) / "assistd.sqlite3"
            # Whoever may write and is the last to close takes the write-ahead log away.
            self._connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
            self._query = "SELECT status FROM runs WHERE thread_id = ?"

    def __enter__(self) -> "Statuses":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def read(self) -> str | None:
        """The status; None while there is no run."""
        row = self._connection.execute(self._query, (self._thread,)).fetchone()
        return row[0] if row else None
