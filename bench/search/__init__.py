"""How well and how fast files are found: quality on sets made from Debian's documentation, speed, a peer beside."""

from bench.search.report import measure

__all__ = ["measure"]
