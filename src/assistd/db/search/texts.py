"""Which texts the index must have: those of files in vector stores."""

from sqlalchemy import Connection, and_, or_, select, update

from assistd import clock
from assistd.db import tables
from assistd.db.transaction import transaction

_TABLE = tables.vector_store_files
_FILES = _TABLE.c
_STORES = tables.vector_stores.c
_IS_ALIVE = _FILES.status.in_(("in_progress", "completed"))


@transaction()
def find_projects(connection: Connection) -> list[str]:
    """Return the ids of all projects."""
    return list(connection.execute(select(tables.projects.c.id)).scalars())


@transaction()
def find_keys(connection: Connection, project_id: str) -> set[str]:
    """Return the keys of the texts by which files of a project can be found; expired stores have none."""
    is_expired = and_(_STORES.expires_at.is_not(None), _STORES.expires_at <= clock.seconds())
    statement = (
        select(_FILES.text_key)
        .join(tables.vector_stores, _STORES.id == _FILES.store_id)
        .where(
            _FILES.project_id == project_id, _IS_ALIVE, _FILES.text_key.is_not(None), ~is_expired
        )
    )
    return set(connection.execute(statement.distinct()).scalars())


@transaction()
def find_awaited_contents(connection: Connection, project_id: str) -> set[str]:
    """Return the content keys of a project's files whose texts are on their way to the index."""
    statement = (
        select(tables.files.c.hash)
        .join(_TABLE, _FILES.file_id == tables.files.c.id)
        .where(_FILES.project_id == project_id, tables.WITHOUT_TEXT)
    )
    return set(connection.execute(statement.distinct()).scalars())


@transaction(writes=True, short=True)
def forget(connection: Connection, project_id: str, text_key: str) -> None:
    """Have the files with this text indexed anew: the index lost it."""
    connection.execute(
        update(_TABLE)
        .where(_FILES.project_id == project_id, _FILES.text_key == text_key, _IS_ALIVE)
        .values(text_key=None, model=None, attempts=0)
    )


@transaction(writes=True)
def require_model(connection: Connection, model: str) -> None:
    """Have the files with vectors of another model embedded anew, and try again those that could not be."""
    is_outdated = and_(_FILES.model.is_not(None), _FILES.model != model)
    is_given_up = and_(_FILES.model.is_(None), _FILES.attempts > 0, _FILES.lease_owner.is_(None))
    connection.execute(
        update(_TABLE)
        .where(_FILES.status == "completed", or_(is_outdated, is_given_up))
        .values(model=None, attempts=0)
    )
