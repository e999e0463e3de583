"""Projects and keys of a server under test, made in its database as the command line makes them."""

from collections.abc import Generator
from contextlib import contextmanager

import httpx

from assistd import ids
from assistd.db import keys, projects
from assistd.db.database import Database
from assistd.objects.project import ProjectLimits
from tests.live.server import Server
from tests.live.wire import Wire


@contextmanager
def database_of(server: Server) -> Generator[Database]:
    """The database behind a running server."""
    settings = server.state.settings
    local = f"sqlite:///{settings['data_dir']}/assistd.sqlite3"
    database = Database(str(settings.get("database_url", local)))
    yield database
    database.close()


def new_project(server: Server, name: str = "tenant", **limits: int) -> tuple[str, str]:
    """Make a project with a key; their ids are the project's, and the key itself."""
    with database_of(server) as database:
        project = database.run_sync(projects.create, name)
        limited = project.evolve(limits=ProjectLimits(**limits))
        database.run_sync(projects.replace, limited)
        key = ids.new_api_key()
        database.run_sync(keys.create, key, "", project.id)
    return project.id, key


def new_admin_key(server: Server) -> str:
    """Make a key that opens the organization."""
    key = ids.new_admin_key()
    with database_of(server) as database:
        database.run_sync(keys.create, key, "", None)
    return key


def client_of(server: Server, key: str, wire: Wire, beta: str = "assistants=v2") -> httpx.Client:
    """A plain HTTP client with a key of one's own; whoever asks for it closes it."""
    headers = {"authorization": f"Bearer {key}", "openai-beta": beta}
    return httpx.Client(
        base_url=server.url, headers=headers, transport=wire.transport(), timeout=60
    )
