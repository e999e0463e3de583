"""The tables of the index in PostgreSQL. They can be made again from the files, so no migration changes them."""

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

SCHEMA = "assistd_search"
_VERSION = 1  # of the tables, and of what terms are cut; tables of another version are dropped
_LOCK = 0x61737364  # of who makes the tables; any number that nobody else takes
_COMMON = """
    CREATE TABLE windows_given (next BIGINT NOT NULL);
    INSERT INTO windows_given VALUES (1);
    CREATE TABLE generations (project_id TEXT PRIMARY KEY, generation BIGINT NOT NULL);
    CREATE TABLE texts (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, project_id TEXT NOT NULL, key TEXT NOT NULL,
        first_window BIGINT NOT NULL, windows INTEGER NOT NULL, terms BIGINT NOT NULL, UNIQUE (project_id, key)
    );
    CREATE TABLE pages (
        text_id BIGINT NOT NULL REFERENCES texts ON DELETE CASCADE, start INTEGER NOT NULL, stop INTEGER NOT NULL,
        number INTEGER NOT NULL, PRIMARY KEY (text_id, start, number)
    );
    CREATE TABLE windows (
        id BIGINT PRIMARY KEY, project_id TEXT NOT NULL, text_id BIGINT NOT NULL REFERENCES texts ON DELETE CASCADE,
        start INTEGER NOT NULL, text TEXT NOT NULL, length INTEGER NOT NULL, terms TSVECTOR NOT NULL
    );
    CREATE INDEX windows_by_text ON windows (text_id, start);
    CREATE INDEX windows_by_terms ON windows USING gin (terms);
    CREATE TABLE chunkings (
        text_id BIGINT NOT NULL REFERENCES texts ON DELETE CASCADE, tokens INTEGER NOT NULL, overlap INTEGER NOT NULL,
        spans BYTEA NOT NULL, PRIMARY KEY (text_id, tokens, overlap)
    );
"""
_VECTORS = """
    CREATE TABLE vectors (
        model TEXT NOT NULL, window_id BIGINT NOT NULL, text_id BIGINT NOT NULL REFERENCES texts ON DELETE CASCADE,
        vector HALFVEC NOT NULL, PRIMARY KEY (model, window_id)
    );
    CREATE INDEX vectors_by_text ON vectors (text_id);
"""
_BATCHES = """
    CREATE TABLE batches (
        seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, model TEXT NOT NULL, project_id TEXT NOT NULL,
        text_id BIGINT NOT NULL REFERENCES texts ON DELETE CASCADE, first_window BIGINT NOT NULL,
        windows INTEGER NOT NULL, data BYTEA NOT NULL, UNIQUE (model, first_window)
    );
    CREATE INDEX batches_by_text ON batches (text_id);
    CREATE INDEX batches_by_project ON batches (project_id, model, seq);
"""

_SET_IDLE = "SELECT set_config('idle_in_transaction_session_timeout', '10s', true)"


def ensure(connection: Connection) -> bool:
    """Make the tables where they are missing, in a transaction that is committed by the caller.

    Returns:
        Whether vectors are kept by pgvector: it was there when the tables were made.
    """
    connection.exec_driver_sql(_SET_IDLE + ", pg_advisory_xact_lock(%s)", (_LOCK,))
    made = _read_comment(connection)
    if made is None or not made.startswith(f"{_VERSION} "):
        connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        has_pgvector = _create_extension(connection)
        made = f"{_VERSION} {'pgvector' if has_pgvector else 'bytes'}"
        connection.exec_driver_sql(f"CREATE SCHEMA {SCHEMA}")
        connection.exec_driver_sql(f"COMMENT ON SCHEMA {SCHEMA} IS '{made}'")
        use(connection)
        for statement in (_COMMON + (_VECTORS if has_pgvector else _BATCHES)).split(";"):
            if statement.strip():
                connection.exec_driver_sql(statement)
    return made.endswith(" pgvector")


def use(connection: Connection) -> None:
    """Have the names of tables in this transaction mean ours, and have it end where its process stops meanwhile."""
    connection.exec_driver_sql(
        f"{_SET_IDLE}, set_config('search_path', '{SCHEMA},' || current_setting('search_path'), true)"
    )


def _read_comment(connection: Connection) -> str | None:
    return connection.exec_driver_sql(
        "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = %s",
        (SCHEMA,),
    ).scalar()


def _create_extension(connection: Connection) -> bool:
    try:
        with connection.begin_nested():
            connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS vector")
            connection.exec_driver_sql("SELECT '[1]'::halfvec")
    except DBAPIError:
        return False
    return True
