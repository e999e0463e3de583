"""File search: looks up what a model asks in vector stores, and tells it what was found."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import structlog

from assistd.engine.tools import search_words
from assistd.engine.tools.search_outcome import SearchOutcome
from assistd.engine.vector_stores.filters import Filter
from assistd.engine.vector_stores.searching import SearchResult, StoreSearch
from assistd.errors import AssistdError
from assistd.logs import failure
from assistd.models import tokens
from assistd.models.conversation import HostedSpec
from assistd.objects.tools import HybridSearch

log = structlog.get_logger()

WAIT_SECONDS = 60.0
"""How long a run waits for the files of its thread to be indexed (contract, file search, section 5)."""

_MOST_QUERIES = 5
_LONGEST_QUERY = 4096  # characters
_FAILED = (
    "The search failed, through no fault of yours. That does not mean that the files hold nothing: "
    "search once more, or say that the files could not be searched."
)
_NO_QUERY = 'Nothing was searched. Call the tool with {"queries": ["what to look for"]}.'


@dataclass(frozen=True, slots=True)
class SearchLimits:
    """How much a model is told of one search.

    Args:
        results: how many parts at most.
        tokens: how long they may be together, about.
        threshold: the least score of a part, from 0 to 1.
        share: the least part of the best score that a part must have, from 0 to 1.
        text_share: how much keywords count; see `SearchIndex.search`.
    """

    results: int = 20
    tokens: int = 16_000
    threshold: float = 0.0
    share: float = 0.0
    text_share: float | None = None


_SMALL = SearchLimits(results=5, tokens=4000)
_SMALL_SHARE = (
    0.5  # what is far behind the best only leads small models astray, and takes them time
)
_SMALL_WINDOW = 32_768  # tokens
_WINDOW_SHARE = 4  # a result takes a quarter of the model's window at most


def find_limits(
    model: str,
    window: int | None,
    *,
    max_results: int | None,
    threshold: float,
    hybrid: HybridSearch | None,
) -> SearchLimits:
    """Return how much a model is told of one search (contract, file search, section 3).

    Args:
        model: the name that was asked for.
        window: tokens that it takes; None where that is not known.
        max_results: how many results the client wants at most; None: as many as suit the model.
        threshold: the least score of a result.
        hybrid: how much meaning and words count, where the client says so.
    """
    has_small_window = window is not None and window < _SMALL_WINDOW
    usual = _SMALL if has_small_window or model.startswith("gpt-3.5") else SearchLimits()
    return SearchLimits(
        results=max_results or usual.results,
        tokens=min(usual.tokens, window // _WINDOW_SHARE) if window else usual.tokens,
        threshold=threshold,
        share=_SMALL_SHARE if has_small_window and not max_results else 0.0,
        text_share=hybrid.text_share if hybrid else None,
    )


class FileSearch:
    """The `HostedTool` that searches vector stores.

    Args:
        search: where it searches.
        project_id: whose stores.
        store_ids: the stores.
        awaited: those of them whose files it waits for, for a minute at most.
        api_key_id: the key on which it is metered.
        limits: how much it finds.
        filters: what the attributes of a file must be; others are not searched.
    """

    def __init__(
        self,
        search: StoreSearch,
        project_id: str,
        store_ids: Sequence[str],
        *,
        awaited: Sequence[str] = (),
        api_key_id: str | None = None,
        limits: SearchLimits | None = None,
        filters: Filter | None = None,
    ) -> None:
        self._search = search
        self._project_id = project_id
        self._store_ids = store_ids
        self._awaited = list(awaited)
        self._api_key_id = api_key_id
        self._limits = limits or SearchLimits()
        self._filters = filters

    @property
    def name(self) -> str:
        """Its name, as in the API's tools."""
        return search_words.NAME

    def describe(self, *, has_files: bool) -> HostedSpec:
        """Return how models are told of it; see `HostedTool.describe`."""
        del has_files  # those are of code
        return search_words.SEARCH

    def instruct(self) -> str:
        """Return what the system message says of it."""
        return search_words.INSTRUCTIONS

    def reject(self, reason: str) -> SearchOutcome:
        """Return the outcome of a call that could not be read."""
        return SearchOutcome(problem=reason)

    async def run(self, arguments: str) -> SearchOutcome:
        """Search, once the files of the thread are indexed; what goes wrong with that the model is told.

        Args:
            arguments: a JSON object with `queries`, or a query on each line.
        """
        queries = read_queries(arguments)
        if not queries:
            return SearchOutcome(problem=_NO_QUERY)
        try:
            while self._awaited:
                await self._search.wait_until_indexed(
                    self._project_id, self._awaited.pop(), WAIT_SECONDS
                )
            found = await self._search.search(
                self._project_id,
                self._store_ids,
                queries,
                max_results=self._limits.results,
                threshold=self._limits.threshold,
                text_share=self._limits.text_share,
                filters=self._filters,
                api_key_id=self._api_key_id,
            )
        except AssistdError as error:
            log.error("file search failed", **failure(error))
            return SearchOutcome(problem=_FAILED)
        return SearchOutcome(tuple(_cut(found, self._limits)))


def read_queries(arguments: str) -> list[str]:
    """Return the queries of a call, however a model wrote them."""
    try:
        given: object = json.loads(arguments)
    except ValueError:
        given = arguments.splitlines()
    if isinstance(given, dict):
        members = cast("dict[str, Any]", given)
        given = members.get("queries") or members.get("query") or next(iter(members.values()), "")
    items = cast("list[object]", given) if isinstance(given, list) else [given]
    texts = [each.strip()[:_LONGEST_QUERY] for each in items if isinstance(each, str)]
    return list(dict.fromkeys(text for text in texts if text))[:_MOST_QUERIES]


def _cut(found: Sequence[SearchResult], limits: SearchLimits) -> list[SearchResult]:
    """Return the best results, as many as the limits allow; one always stays."""
    kept: list[SearchResult] = []
    room = limits.tokens
    for each in found:
        room -= tokens.count(each.text)
        if kept and (room < 0 or each.score < limits.share * kept[0].score):
            break
        kept.append(each)
    return kept
