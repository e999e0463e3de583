"""Opens what keeps the state, as the settings name it: the database and the blob store."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from assistd.db.database import Database
from assistd.errors import StartupError
from assistd.objects.project import ProjectLimits
from assistd.settings import Settings
from assistd.units import MIB

if TYPE_CHECKING:
    from obstore.store import RetryConfig  # for type checkers only

_RETRIES: "RetryConfig" = {"max_retries": 3, "retry_timeout": timedelta(seconds=10)}


@contextmanager
def database(settings: Settings) -> Generator[Database]:
    """Open the database as it is; close it at the end.

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
def migrated_database(settings: Settings) -> Generator[Database]:
    """Open the database, made where there is none, and brought up to date; close it at the end.

    Raises:
        StartupError: it cannot be reached.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with database(settings) as opened:
        opened.open()
        yield opened


def blob_store(settings: Settings) -> ObjectStore:
    """Open where the bytes of files are; one that is not a local folder is tried by a write, which blocks.

    Raises:
        StartupError: it cannot be used.
    """
    if settings.blobs_url is None:
        return LocalStore(settings.data_dir / "blobs", mkdir=True)
    try:
        store = from_url(settings.blobs_url, retry_config=_RETRIES)
        obstore.put(store, "probe", b"")
        obstore.delete(store, "probe")
    except (BaseError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise StartupError(f"ASSISTD_BLOBS_URL cannot be used: {reason}") from error
    return store


def project_limits(settings: Settings) -> ProjectLimits:
    """Return the limits of projects that have none of their own; the sandbox has its defaults itself."""
    storage = settings.project_storage_mib
    return ProjectLimits(
        requests=settings.project_requests,
        runs=settings.project_runs,
        storage_bytes=None if storage is None else storage * MIB,
    )


def session_prices(settings: Settings) -> dict[int, float]:
    """Return what billed sessions cost: GiB of memory -> US dollars."""
    return {
        1: settings.session_price,
        4: settings.session_price_4g,
        16: settings.session_price_16g,
        64: settings.session_price_64g,
    }
