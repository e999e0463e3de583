"""The index in PostgreSQL: tables of its own, and pgvector where the server has it."""

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import DBAPIError

from assistd.errors import AssistdError
from assistd.extracted_text import ExtractedText, TextPage
from assistd.search import keywords
from assistd.search.index import pgvector, schema
from assistd.search.index.matrices import Batch, Matrices, Matrix, Progress, pack_vectors
from assistd.search.index.store import Found, PackedSpans, StoredText, Vector, cut_slice, pack_spans
from assistd.search.sentences import Span

P = ParamSpec("P")
R = TypeVar("R")

_CONNECTIONS = 6
_RATED = 500  # windows whose BM25 is computed: of those with a term, the ones that have the rarest
_FREQUENT = 20_001  # windows that have a term are counted up to here: it is not looked for then
_DROPPED = {"42P01", "3F000"}  # PostgreSQL: no such table, no such schema

_SLICE = """
    SELECT start, text FROM windows WHERE text_id = %(text)s AND start < %(end)s
    AND start >= (SELECT max(start) FROM windows WHERE text_id = %(text)s AND start <= %(start)s) ORDER BY start
"""
_PAGE = "SELECT number FROM pages WHERE text_id = %s AND start <= %s ORDER BY start DESC, number DESC LIMIT 1"
_COUNT = """
    SELECT term, (SELECT count(*) FROM (
        SELECT 1 FROM windows WHERE project_id = %s AND terms @@ quote_literal(term)::tsquery LIMIT %s
    ) AS found) FROM unnest(%s::text[]) AS term
"""
_CANDIDATES = """
    SELECT id FROM windows WHERE terms @@ %(any)s::tsquery AND text_id = ANY(%(texts)s) AND project_id = %(project)s
    ORDER BY (SELECT sum(weight) FROM unnest(%(terms)s::text[], %(weights)s::float[]) AS wanted (term, weight)
        WHERE windows.terms @@ quote_literal(term)::tsquery) DESC, id LIMIT %(limit)s
"""
_TERMS = """
    SELECT windows.id, text_id, length, each.lexeme, cardinality(each.positions)
    FROM windows, unnest(terms) AS each WHERE id = ANY(%s) AND each.lexeme = ANY(%s)
"""
_BATCHES = """
    SELECT seq, text_id, first_window, windows, data FROM batches
    WHERE project_id = %s AND model = %s AND seq > %s ORDER BY seq LIMIT 512
"""
_PROGRESS = """
    SELECT coalesce((SELECT generation FROM generations WHERE project_id = %(project)s), 0),
    coalesce((SELECT max(seq) FROM batches WHERE project_id = %(project)s), 0)
"""


class PostgresStore:
    """Keeps the windows of all projects' texts in the schema `assistd_search` (see `Store`).

    Args:
        url: of the database; the schema is made when it is first needed.
        cache_bytes: of vectors in memory, where the server has no pgvector.
    """

    def __init__(self, url: str, cache_bytes: int) -> None:
        self._engine = create_engine(
            url, pool_size=_CONNECTIONS, pool_pre_ping=True, hide_parameters=True
        )
        self._matrices = Matrices(cache_bytes)
        self._lock = threading.Lock()
        self._pgvector: bool | None = None

    def find_texts(self, project_id: str, keys: Collection[str]) -> dict[str, StoredText]:
        """Return the texts of these keys that are there."""
        query = "SELECT id, key, first_window, windows FROM texts WHERE project_id = %s AND key = ANY(%s)"
        rows = self._run(_select, query, project_id, list(keys))
        return {row[1]: StoredText(*row) for row in rows}

    def add_text(
        self, project_id: str, key: str, text: ExtractedText, windows: Sequence[Span]
    ) -> None:
        """Add a text with its windows and their keywords; one that is there stays as it is."""
        parts = [text.text[span.start : span.end] for span in windows]
        terms = [Counter(keywords.cut_terms(part)) for part in parts]
        # In a transaction of its own: who adds a text does not wait for another's end.
        [[end]] = self._run(
            _select, "UPDATE windows_given SET next = next + %s RETURNING next", len(windows)
        )
        rows = [
            (
                first + end - len(windows),
                project_id,
                span.start,
                part,
                counts.total(),
                _tsvector(counts),
            )
            for first, (span, part, counts) in enumerate(zip(windows, parts, terms, strict=True))
        ]
        self._run(_add_text, project_id, key, text.pages, rows)

    def read_text(self, project_id: str, key: str) -> ExtractedText | None:
        """Return a text; None where it is not there."""
        return self._run(_read_text, project_id, key)

    def read_windows(self, project_id: str, first: int, count: int) -> list[str]:
        """Return the texts of windows with following ids."""
        query = (
            "SELECT text FROM windows WHERE id >= %s AND id < %s AND project_id = %s ORDER BY id"
        )
        return [row[0] for row in self._run(_select, query, first, first + count, project_id)]

    def find_spans(self, project_id: str, windows: Collection[int]) -> dict[int, Span]:
        """Return where windows stand in their texts, by their ids."""
        query = "SELECT id, start, length(text) FROM windows WHERE id = ANY(%s) AND project_id = %s"
        rows = self._run(_select, query, list(windows), project_id)
        return {id_: Span(start, start + length) for id_, start, length in rows}

    def read_slices(self, project_id: str, parts: Sequence[tuple[StoredText, Span]]) -> list[str]:
        """Return parts of texts; an empty one where the text is not there."""
        return self._run(_read_slices, parts)

    def find_pages(
        self, project_id: str, positions: Sequence[tuple[StoredText, int]]
    ) -> list[int | None]:
        """Return the numbers of the pages that positions in texts are on; None where there are no pages."""
        return self._run(_find_pages, positions)

    def read_chunks(
        self, project_id: str, text: StoredText, tokens: int, overlap: int
    ) -> Sequence[Span] | None:
        """Return the chunks of a text, of so many tokens; None where they were never cut."""
        query = "SELECT spans FROM chunkings WHERE text_id = %s AND tokens = %s AND overlap = %s"
        rows = self._run(_select, query, text.id, tokens, overlap)
        return PackedSpans(rows[0][0]) if rows else None

    def add_chunks(
        self, project_id: str, text: StoredText, tokens: int, overlap: int, chunks: Sequence[Span]
    ) -> None:
        """Keep the chunks of a text, of so many tokens; those that are there stay."""
        insert = """
            INSERT INTO chunkings SELECT id, %s, %s, %s FROM texts WHERE id = %s ON CONFLICT DO NOTHING
        """
        self._run(_execute, insert, tokens, overlap, pack_spans(chunks), text.id)

    def list_vectors(self, project_id: str, text: StoredText, model: str) -> set[int]:
        """Return the first windows of the batches of a text that have vectors of a model."""
        if self._has_pgvector():
            query = "SELECT window_id FROM vectors WHERE text_id = %s AND model = %s"
        else:
            query = "SELECT first_window FROM batches WHERE text_id = %s AND model = %s"
        return {row[0] for row in self._run(_select, query, text.id, model)}

    def add_vectors(
        self, project_id: str, text: StoredText, model: str, first: int, vectors: Sequence[Vector]
    ) -> None:
        """Keep the vectors of windows with following ids; those that are there stay."""
        if self._has_pgvector():
            self._run(pgvector.add_vectors, text.id, model, first, vectors)
        else:
            self._run(_add_batch, text.id, model, first, vectors)

    def drop_other_vectors(self, project_id: str, text: StoredText, model: str) -> None:
        """Forget the vectors of a text that are of other models."""
        table = "vectors" if self._has_pgvector() else "batches"
        delete = f"DELETE FROM {table} WHERE text_id = %s AND model <> %s"  # noqa: S608  ours
        self._run(_execute, delete, text.id, model)
        if self._has_pgvector():
            self._run(pgvector.build_index, model)

    def find_near(
        self, project_id: str, model: str, query: Vector, texts: Collection[StoredText], limit: int
    ) -> list[Found]:
        """Return the windows of some texts whose vectors are nearest to a query's, with their cosines."""
        if self._has_pgvector():
            return self._run(pgvector.find_near, model, query, texts, limit)
        matrix = self._load_matrix(project_id, model)
        return matrix.find_near(query, [text.id for text in texts], limit) if matrix else []

    def measure(
        self, project_id: str, model: str, query: Vector, windows: Collection[int]
    ) -> dict[int, float]:
        """Return the cosines of windows, as far as they have vectors."""
        if self._has_pgvector():
            return self._run(pgvector.measure, model, query, windows)
        matrix = self._load_matrix(project_id, model)
        return matrix.measure(query, windows) if matrix else {}

    def find_matches(
        self, project_id: str, terms: Sequence[str], texts: Collection[StoredText], limit: int
    ) -> list[Found]:
        """Return the windows of some texts that match a query's terms best, with values from 0 to 1."""
        return self._run(_find_matches, project_id, terms, [text.id for text in texts], limit)

    def retain(self, project_id: str, keys: Collection[str]) -> None:
        """Forget every other text."""
        delete = "DELETE FROM texts WHERE project_id = %s AND NOT key = ANY(%s)"
        self._run(_delete_texts, project_id, delete, project_id, list(keys))

    def delete_project(self, project_id: str) -> None:
        """Forget all texts of a project."""
        delete = "DELETE FROM texts WHERE project_id = %s"
        self._run(_delete_texts, project_id, delete, project_id)
        self._matrices.forget(project_id)

    def close(self) -> None:
        """Let go of all connections."""
        self._engine.dispose()

    def _has_pgvector(self) -> bool:
        with self._lock:  # the first who comes makes the tables, others wait
            if self._pgvector is None:
                with self._engine.begin() as connection:
                    self._pgvector = schema.ensure(connection)
            return self._pgvector

    def _run(
        self,
        function: Callable[Concatenate[Connection, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Return the result of `function(connection, ...)`, called in a transaction of its own."""
        try:
            try:
                return self._try(function, *args, **kwargs)
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) not in _DROPPED:
                    raise
                self._pgvector = None
            return self._try(function, *args, **kwargs)
        except DBAPIError as error:
            raise AssistdError("The database of the search index cannot be used.") from error

    def _try(
        self, function: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        self._has_pgvector()
        with self._engine.begin() as connection:
            schema.use(connection)
            return function(connection, *args, **kwargs)

    def _load_matrix(self, project_id: str, model: str) -> Matrix | None:
        def read_batches(seq: int) -> Iterable[Batch]:
            return map(Batch._make, self._run(_select, _BATCHES, project_id, model, seq))

        [row] = self._run(_select, _PROGRESS, project=project_id)
        return self._matrices.load(project_id, model, Progress(*row), read_batches)


def _read_slices(connection: Connection, parts: Sequence[tuple[StoredText, Span]]) -> list[str]:
    return [
        cut_slice(_select(connection, _SLICE, text=text.id, start=span.start, end=span.end), span)
        for text, span in parts
    ]


def _find_pages(
    connection: Connection, positions: Sequence[tuple[StoredText, int]]
) -> list[int | None]:
    found = (_select(connection, _PAGE, text.id, position) for text, position in positions)
    return [rows[0][0] if rows else None for rows in found]


def _select(connection: Connection, query: str, *values: object, **named: object) -> Sequence[Any]:
    return _execute(connection, query, *values, **named).all()


def _execute(connection: Connection, query: str, *values: object, **named: object) -> Any:
    return connection.exec_driver_sql(query, named or values)


def _add_text(
    connection: Connection,
    project_id: str,
    key: str,
    pages: Sequence[TextPage],
    windows: Sequence[tuple[int, str, int, str, int, str]],
) -> None:
    text_id = _execute(
        connection,
        """
        INSERT INTO texts (project_id, key, first_window, windows, terms) VALUES (%s, %s, %s, %s, %s)
        ON CONFLICT DO NOTHING RETURNING id
        """,
        *(
            project_id,
            key,
            windows[0][0] if windows else 0,
            len(windows),
            sum(row[4] for row in windows),
        ),
    ).scalar()
    if text_id is None:
        return
    if windows:
        connection.exec_driver_sql(
            """
            INSERT INTO windows (id, project_id, start, text, length, terms, text_id)
            VALUES (%s, %s, %s, %s, %s, %s::tsvector, %s)
            """,
            [(*row, text_id) for row in windows],
        )
    if pages:
        connection.exec_driver_sql(
            "INSERT INTO pages VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [(text_id, page.start, page.end, page.number) for page in pages],
        )


def _tsvector(counts: Mapping[str, int]) -> str:
    """Return terms in PostgreSQL's form of text; their numbers are told by as many positions."""
    return " ".join(
        f"'{term}':{','.join(map(str, range(1, min(count, 255) + 1)))}"
        for term, count in counts.items()
    )


def _read_text(connection: Connection, project_id: str, key: str) -> ExtractedText | None:
    query = "SELECT id FROM texts WHERE project_id = %s AND key = %s"
    text_id = _execute(connection, query, project_id, key).scalar()
    if text_id is None:
        return None
    query = "SELECT text FROM windows WHERE text_id = %s ORDER BY start"
    windows = _select(connection, query, text_id)
    query = "SELECT number, start, stop FROM pages WHERE text_id = %s ORDER BY start, number"
    pages = _select(connection, query, text_id)
    return ExtractedText("".join(row[0] for row in windows), tuple(TextPage(*row) for row in pages))


def _add_batch(
    connection: Connection, text_id: int, model: str, first: int, vectors: Sequence[Vector]
) -> None:
    # One after the other, so that batches become visible in the order of their numbers.
    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (model,))
    insert = """
        INSERT INTO batches (model, project_id, text_id, first_window, windows, data)
        SELECT %s, project_id, id, %s, %s, %s FROM texts WHERE id = %s ON CONFLICT DO NOTHING
    """
    _execute(connection, insert, model, first, len(vectors), pack_vectors(vectors), text_id)


def _delete_texts(connection: Connection, project_id: str, delete: str, *values: object) -> None:
    if _execute(connection, delete, *values).rowcount:
        insert = """
            INSERT INTO generations VALUES (%s, 1)
            ON CONFLICT (project_id) DO UPDATE SET generation = generations.generation + 1
        """
        _execute(connection, insert, project_id)


def _find_matches(
    connection: Connection,
    project_id: str,
    terms: Sequence[str],
    texts: Sequence[int],
    limit: int,
) -> list[Found]:
    query = (
        "SELECT coalesce(sum(windows), 0), coalesce(sum(terms), 0) FROM texts WHERE project_id = %s"
    )
    [[total, length]] = _select(connection, query, project_id)
    counts = dict(_select(connection, _COUNT, project_id, _FREQUENT, list(terms)))
    weights = keywords.weigh_terms({term: n for term, n in counts.items() if n}, int(total))
    if not weights:
        return []
    candidates = _select(
        connection,
        _CANDIDATES,
        any=" | ".join(f"'{term}'" for term in weights),
        terms=list(weights),
        weights=list(weights.values()),
        texts=texts,
        project=project_id,
        limit=_RATED,
    )
    ids = [row[0] for row in candidates]
    found: dict[tuple[int, int, int], dict[str, int]] = {}
    for window, text, size, term, count in _select(connection, _TERMS, ids, list(weights)):
        found.setdefault((window, text, size), {})[term] = count
    best = keywords.best_match(weights, sum(not n for n in counts.values()))
    mean = float(length) / int(total)
    rated = (
        Found(window, text, min(1.0, keywords.rate_match(weights, of_window, size, mean) / best))
        for (window, text, size), of_window in found.items()
    )
    return sorted(rated, key=lambda each: -each.value)[:limit]
