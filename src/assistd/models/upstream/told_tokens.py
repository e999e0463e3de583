"""Reads from the end of an upstream's answer, as it passes by, what the answer cost."""

import json
import re
from collections.abc import Mapping
from typing import Any

from assistd.models.base import Tokens
from assistd.models.upstream.chunks import read_tokens

_KEPT_BYTES = 64 << 10
_USAGE = re.compile(rb'"usage"\s*:\s*(?=\{)')
"""What no text within an answer has: quotes in JSON's strings are escaped."""


class ToldTokens:
    """What an answer says of its cost, in its last part: of a stream as of one object."""

    def __init__(self) -> None:
        self._end = bytearray()

    def take(self, piece: bytes) -> None:
        """Take the next piece of the answer."""
        self._end += piece
        if len(self._end) > 2 * _KEPT_BYTES:
            del self._end[:-_KEPT_BYTES]

    def read(self) -> Tokens:
        """Return what the answer cost; nothing, where it does not say so."""
        found = [each.end() for each in _USAGE.finditer(self._end)]
        if not found:
            return Tokens()
        text = self._end[found[-1] :].decode(errors="replace")
        try:
            usage: Mapping[str, Any]
            usage, _ = json.JSONDecoder().raw_decode(text)
            return read_tokens(usage)
        except (ValueError, OverflowError, RecursionError):  # broken off, or no numbers
            return Tokens()
