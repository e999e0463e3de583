"""Vectors in PostgreSQL by the extension pgvector: compared one by one, or found by its index where there are many."""

from collections.abc import Collection, Sequence
from hashlib import sha256

from sqlalchemy import Connection

from assistd.search.index.store import Found, StoredText, Vector

_EXACT = 20_000  # vectors that are all compared; HNSW finds the nearest of more
_CANDIDATES = 200  # that HNSW looks at (hnsw.ef_search)


def add_vectors(
    connection: Connection, text_id: int, model: str, first: int, vectors: Sequence[Vector]
) -> None:
    """Keep the vectors of windows with following ids, if their text is still there."""
    connection.exec_driver_sql(
        """
        INSERT INTO vectors (model, window_id, text_id, vector)
        SELECT %s, %s, id, %s::halfvec FROM texts WHERE id = %s ON CONFLICT DO NOTHING
        """,
        [(model, window, _write(vector), text_id) for window, vector in enumerate(vectors, first)],
    )


def find_near(
    connection: Connection,
    model: str,
    query: Vector,
    texts: Collection[StoredText],
    limit: int,
) -> list[Found]:
    """Return the windows of some texts whose vectors are nearest to a query's, with their cosines."""
    # The sum has no index: so each vector is compared.
    distance = "(vector <#> %(query)s::halfvec) + 0"
    if sum(text.windows for text in texts) > _EXACT:
        distance = f"vector::halfvec({len(query)}) <#> %(query)s::halfvec({len(query)})"
        connection.exec_driver_sql("SET LOCAL hnsw.iterative_scan = strict_order")
        connection.exec_driver_sql(f"SET LOCAL hnsw.ef_search = {_CANDIDATES}")
    rows = connection.exec_driver_sql(
        "SELECT window_id, text_id, -(vector <#> %(query)s::halfvec) FROM vectors "  # noqa: S608  quoted
        f"WHERE model = {_quote(model)} AND text_id = ANY(%(texts)s) ORDER BY {distance} LIMIT %(limit)s",
        {"query": _write(query), "texts": [text.id for text in texts], "limit": limit},
    )
    return [Found(*row) for row in rows]


def measure(
    connection: Connection, model: str, query: Vector, windows: Collection[int]
) -> dict[int, float]:
    """Return the cosines of windows, as far as they have vectors."""
    rows = connection.exec_driver_sql(
        "SELECT window_id, -(vector <#> %s::halfvec) FROM vectors WHERE model = %s AND window_id = ANY(%s)",
        (_write(query), model, list(windows)),
    )
    return {row[0]: row[1] for row in rows}


def build_index(connection: Connection, model: str) -> None:
    """Build the index of a model's vectors, once there are too many to compare each."""
    name = f"nearest_{sha256(model.encode()).hexdigest()[:16]}"
    row = connection.exec_driver_sql(
        "SELECT vector_dims(vector), to_regclass(%s) FROM vectors WHERE model = %s OFFSET %s LIMIT 1",
        (name, model, _EXACT),
    ).first()
    if row is None or row[1] is not None:
        return
    connection.exec_driver_sql(
        f"CREATE INDEX IF NOT EXISTS {name} ON vectors USING hnsw ((vector::halfvec({row[0]})) halfvec_ip_ops) "
        f"WHERE model = {_quote(model)}"
    )


def _write(vector: Vector) -> str:
    return f"[{','.join(map(str, vector))}]"


def _quote(text: str) -> str:
    """Return a text as a literal: the condition of a partial index is compared with it word for word."""
    return "'" + text.replace("'", "''").replace("%", "%%") + "'"
