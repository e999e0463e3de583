"""Where the state is, made of the settings: the database, and the blob store beside it."""

from collections.abc import Generator
from contextlib import contextmanager

from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from assistd.db.database import Database
from assistd.errors import StartupError
from assistd.objects.project import ProjectLimits
from assistd.sandbox.base import MIB
from assistd.settings import Settings


@contextmanager
def database(settings: Settings) -> Generator[Database]:
    """The database as it is, closed at the end.

    Raises:
        StartupError: its URL or its driver cannot be used.
    """
    local = f"sqlite:///{settings.data_dir / 'assistd.sqlite3'}"
    database = Database(settings.database_url or local)
    try:
        yield database
    finally:
        database.close()


@contextmanager
def newest_database(settings: Settings) -> Generator[Database]:
    """The database, made where there is none, and brought up to date.

    Raises:
        StartupError: it cannot be reached.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with database(settings) as opened:
        opened.open()
        yield opened


def blob_store(settings: Settings) -> ObjectStore:
    """Where the bytes of files are.

    Raises:
        StartupError: the URL cannot be used.
    """
    if settings.blobs_url is None:
        return LocalStore(settings.data_dir / "blobs", mkdir=True)
    try:
        return from_url(settings.blobs_url)
    except BaseError as error:
        raise StartupError(f"ASSISTD_BLOBS_URL cannot be used: {error}") from error


def project_limits(settings: Settings) -> ProjectLimits:
    """The limits of projects that have none of their own; the sandbox knows its defaults itself."""
    storage = settings.project_storage_mib
    return ProjectLimits(
        requests=settings.project_requests,
        runs=settings.project_runs,
        storage_bytes=None if storage is None else storage * MIB,
    )
