"""The index in SQLite: one file for each project, which may be deleted or damaged at any time."""

import json
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from sqlite3 import Connection
from typing import Any

from assistd.extracted_text import ExtractedText, TextPage
from assistd.search import keywords
from assistd.search.index.files import ProjectFiles
from assistd.search.index.matrices import Batch, Matrices, Matrix, Progress, pack_vectors
from assistd.search.index.store import (
    Found,
    PackedSpans,
    StoredText,
    Vector,
    cut_slice,
    pack_spans,
)
from assistd.search.sentences import Span

_VERSION = 1
"""Of the tables, and of what terms are cut: they must be the same when they are removed."""
_SCHEMA = """
    CREATE TABLE texts (
        id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, first_window INTEGER NOT NULL,
        windows INTEGER NOT NULL
    );
    CREATE TABLE pages (
        text_id INTEGER NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL, number INTEGER NOT NULL,
        PRIMARY KEY (text_id, start, number)
    ) WITHOUT ROWID;
    CREATE TABLE windows (
        id INTEGER PRIMARY KEY AUTOINCREMENT, text_id INTEGER NOT NULL, start INTEGER NOT NULL, text TEXT NOT NULL
    );
    CREATE INDEX windows_by_text ON windows (text_id, start);
    CREATE VIRTUAL TABLE words USING fts5(terms, content = '', tokenize = 'ascii');
    CREATE VIRTUAL TABLE vocabulary USING fts5vocab(words, row);
    CREATE TABLE vectors (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, model TEXT NOT NULL, text_id INTEGER NOT NULL,
        first_window INTEGER NOT NULL, windows INTEGER NOT NULL, data BLOB NOT NULL, UNIQUE (model, first_window)
    );
    CREATE INDEX vectors_by_text ON vectors (text_id);
    CREATE TABLE chunkings (
        text_id INTEGER NOT NULL, tokens INTEGER NOT NULL, overlap INTEGER NOT NULL, spans BLOB NOT NULL,
        PRIMARY KEY (text_id, tokens, overlap)
    ) WITHOUT ROWID;
    CREATE TABLE state (generation INTEGER NOT NULL);
    INSERT INTO state VALUES (random() >> 8);
"""
_TEXTS = (
    "SELECT id, key, first_window, windows FROM texts WHERE key IN (SELECT value FROM json_each(?))"
)
_SPANS = "SELECT id, start, length(text) FROM windows WHERE id IN (SELECT value FROM json_each(?))"
_SLICE = """
    SELECT start, text FROM windows WHERE text_id = :text AND start < :end
    AND start >= (SELECT max(start) FROM windows WHERE text_id = :text AND start <= :start) ORDER BY start
"""
_PAGE = "SELECT number FROM pages WHERE text_id = ? AND start <= ? ORDER BY start DESC, number DESC LIMIT 1"
_MATCHES = """
    SELECT windows.id, windows.text_id, -bm25(words) AS value
    FROM words CROSS JOIN windows ON windows.id = words.rowid
    WHERE words MATCH ? AND windows.text_id IN (SELECT value FROM json_each(?))
    ORDER BY value DESC LIMIT ?
"""
_BATCHES = """
    SELECT seq, text_id, first_window, windows, data FROM vectors WHERE seq > ? AND model = ?
    ORDER BY seq LIMIT 512
"""


class SqliteStore:
    """Keeps the windows of each project's texts in a file of its own (see `Store`).

    Args:
        folder: of the files; made where it is missing.
        cache_bytes: of vectors in memory.
    """

    def __init__(self, folder: Path, cache_bytes: int) -> None:
        self._files = ProjectFiles(folder, _SCHEMA, _VERSION)
        self._matrices = Matrices(cache_bytes)

    def find_texts(self, project_id: str, keys: Collection[str]) -> dict[str, StoredText]:
        """Return the texts of these keys that are there."""
        rows = self._files.read(project_id, _select, _TEXTS, json.dumps(list(keys)))
        return {row[1]: StoredText(*row) for row in rows}

    def add_text(
        self, project_id: str, key: str, text: ExtractedText, windows: Sequence[Span]
    ) -> None:
        """Add a text with its windows and their keywords; one that is there stays as it is."""
        parts = [(span.start, text.text[span.start : span.end]) for span in windows]
        terms = [" ".join(keywords.cut_terms(part)) for _, part in parts]
        self._files.write(project_id, _add_text, key, text.pages, parts, terms)

    def read_text(self, project_id: str, key: str) -> ExtractedText | None:
        """Return a text; None where it is not there."""
        return self._files.read(project_id, _read_text, key)

    def read_windows(self, project_id: str, first: int, count: int) -> list[str]:
        """Return the texts of windows with following ids."""
        query = "SELECT text FROM windows WHERE id >= ? AND id < ? ORDER BY id"
        return [
            row[0] for row in self._files.read(project_id, _select, query, first, first + count)
        ]

    def find_spans(self, project_id: str, windows: Collection[int]) -> dict[int, Span]:
        """Return where windows stand in their texts, by their ids."""
        rows = self._files.read(project_id, _select, _SPANS, json.dumps(list(windows)))
        return {id_: Span(start, start + length) for id_, start, length in rows}

    def read_slices(self, project_id: str, parts: Sequence[tuple[StoredText, Span]]) -> list[str]:
        """Return parts of texts; an empty one where the text is not there."""
        return self._files.read(project_id, _read_slices, parts)

    def find_pages(
        self, project_id: str, positions: Sequence[tuple[StoredText, int]]
    ) -> list[int | None]:
        """Return the numbers of the pages that positions in texts are on; None where there are no pages."""
        return self._files.read(project_id, _find_pages, positions)

    def read_chunks(
        self, project_id: str, text: StoredText, tokens: int, overlap: int
    ) -> Sequence[Span] | None:
        """Return the chunks of a text, of so many tokens; None where they were never cut."""
        query = "SELECT spans FROM chunkings WHERE text_id = ? AND tokens = ? AND overlap = ?"
        rows = self._files.read(project_id, _select, query, text.id, tokens, overlap)
        return PackedSpans(rows[0][0]) if rows else None

    def add_chunks(
        self, project_id: str, text: StoredText, tokens: int, overlap: int, chunks: Sequence[Span]
    ) -> None:
        """Keep the chunks of a text, of so many tokens; those that are there stay."""
        insert = "INSERT OR IGNORE INTO chunkings SELECT id, ?, ?, ? FROM texts WHERE id = ?"
        self._files.write(project_id, _select, insert, tokens, overlap, pack_spans(chunks), text.id)

    def list_vectors(self, project_id: str, text: StoredText, model: str) -> set[int]:
        """Return the first windows of the batches of a text that have vectors of a model."""
        query = "SELECT first_window FROM vectors WHERE text_id = ? AND model = ?"
        return {row[0] for row in self._files.read(project_id, _select, query, text.id, model)}

    def add_vectors(
        self, project_id: str, text: StoredText, model: str, first: int, vectors: Sequence[Vector]
    ) -> None:
        """Keep the vectors of windows with following ids; those that are there stay."""
        # The text may have been removed while its vectors were made.
        insert = """
            INSERT OR IGNORE INTO vectors (model, text_id, first_window, windows, data)
            SELECT ?, id, ?, ?, ? FROM texts WHERE id = ?
        """
        data = pack_vectors(vectors)
        self._files.write(project_id, _select, insert, model, first, len(vectors), data, text.id)

    def drop_other_vectors(self, project_id: str, text: StoredText, model: str) -> None:
        """Forget the vectors of a text that are of other models."""
        delete = "DELETE FROM vectors WHERE text_id = ? AND model <> ?"
        self._files.write(project_id, _select, delete, text.id, model)

    def find_near(
        self, project_id: str, model: str, query: Vector, texts: Collection[StoredText], limit: int
    ) -> list[Found]:
        """Return the windows of some texts whose vectors are nearest to a query's, with their cosines."""
        matrix = self._load_matrix(project_id, model)
        return matrix.find_near(query, [text.id for text in texts], limit) if matrix else []

    def measure(
        self, project_id: str, model: str, query: Vector, windows: Collection[int]
    ) -> dict[int, float]:
        """Return the cosines of windows, as far as they have vectors."""
        matrix = self._load_matrix(project_id, model)
        return matrix.measure(query, windows) if matrix else {}

    def find_matches(
        self, project_id: str, terms: Sequence[str], texts: Collection[StoredText], limit: int
    ) -> list[Found]:
        """Return the windows of some texts that match a query's terms best, with values from 0 to 1."""
        allowed = json.dumps([text.id for text in texts])
        return self._files.read(project_id, _find_matches, terms, allowed, limit)

    def retain(self, project_id: str, keys: Collection[str]) -> None:
        """Forget every other text."""
        kept = set(keys)
        for id_, key in self._files.read(project_id, _select, "SELECT id, key FROM texts"):
            if key not in kept:
                self._files.write(project_id, _remove_text, id_)

    def delete_project(self, project_id: str) -> None:
        """Forget all texts of a project."""
        self._files.remove(project_id)
        self._matrices.forget(project_id)

    def close(self) -> None:
        """Let go of all connections."""
        self._files.close()

    def _load_matrix(self, project_id: str, model: str) -> Matrix | None:
        def read_batches(seq: int) -> Iterable[Batch]:
            return map(Batch._make, self._files.read(project_id, _select, _BATCHES, seq, model))

        progress = "SELECT generation, (SELECT coalesce(max(seq), 0) FROM vectors) FROM state"
        [row] = self._files.read(project_id, _select, progress)
        return self._matrices.load(project_id, model, Progress(*row), read_batches)


def _select(connection: Connection, query: str, *values: object, **named: object) -> list[Any]:
    return connection.execute(query, named or values).fetchall()


def _add_text(
    connection: Connection,
    key: str,
    pages: Sequence[TextPage],
    windows: Sequence[tuple[int, str]],
    terms: Sequence[str],
) -> None:
    if connection.execute("SELECT 1 FROM texts WHERE key = ?", [key]).fetchone():
        return
    [last] = connection.execute(
        "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'windows'), 0)"
    ).fetchone()
    text_id = connection.execute(
        "INSERT INTO texts (key, first_window, windows) VALUES (?, ?, ?)",
        [key, last + 1, len(windows)],
    ).lastrowid
    connection.executemany(
        "INSERT INTO windows (id, text_id, start, text) VALUES (?, ?, ?, ?)",
        ((id_, text_id, *window) for id_, window in enumerate(windows, last + 1)),
    )
    connection.executemany(
        "INSERT INTO words (rowid, terms) VALUES (?, ?)", enumerate(terms, last + 1)
    )
    connection.executemany(
        "INSERT OR IGNORE INTO pages VALUES (?, ?, ?, ?)",
        ((text_id, page.start, page.end, page.number) for page in pages),
    )


def _read_text(connection: Connection, key: str) -> ExtractedText | None:
    found = connection.execute("SELECT id FROM texts WHERE key = ?", [key]).fetchone()
    if found is None:
        return None
    windows = connection.execute("SELECT text FROM windows WHERE text_id = ? ORDER BY start", found)
    pages = connection.execute(
        "SELECT number, start, end FROM pages WHERE text_id = ? ORDER BY start, number", found
    )
    return ExtractedText("".join(row[0] for row in windows), tuple(TextPage(*row) for row in pages))


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


def _find_matches(
    connection: Connection, terms: Sequence[str], allowed: str, limit: int
) -> list[Found]:
    [total] = connection.execute("SELECT total(windows) FROM texts").fetchone()
    counts = {term: _count_windows(connection, term) for term in terms}
    weights = keywords.weigh_terms({term: n for term, n in counts.items() if n}, int(total))
    if not weights:
        return []
    best = keywords.best_match(weights, sum(not n for n in counts.values()))
    match = " OR ".join(f'"{term}"' for term in weights)
    rows = connection.execute(_MATCHES, [match, allowed, limit])
    return [Found(window, text, min(1.0, value / best)) for window, text, value in rows]


def _count_windows(connection: Connection, term: str) -> int:
    found = connection.execute("SELECT doc FROM vocabulary WHERE term = ?", [term]).fetchone()
    return found[0] if found else 0


def _remove_text(connection: Connection, text_id: int) -> None:
    windows = connection.execute("SELECT id, text FROM windows WHERE text_id = ?", [text_id])
    connection.executemany(
        "INSERT INTO words (words, rowid, terms) VALUES ('delete', ?, ?)",
        [(id_, " ".join(keywords.cut_terms(text))) for id_, text in windows],
    )
    for table in ("windows", "pages", "vectors", "chunkings"):
        connection.execute(f"DELETE FROM {table} WHERE text_id = ?", [text_id])  # noqa: S608  ours
    connection.execute("DELETE FROM texts WHERE id = ?", [text_id])
    connection.execute("UPDATE state SET generation = generation + 1")
