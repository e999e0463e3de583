"""The face of file search: a call shows what was found at its end, and never what was asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any, cast

from pydantic import JsonValue

from assistd.db import Connection, nouns
from assistd.db.transaction import transaction
from assistd.engine.annotations.citations import Source
from assistd.engine.assistants.faces.base import UNANSWERED, EndedCall, Retelling, ToolContext
from assistd.engine.tools import search_words
from assistd.engine.tools.base import ToolError, ToolOutcome
from assistd.engine.tools.file_search import FileSearch, SearchLimits, find_limits
from assistd.engine.tools.search_outcome import (
    FIRST_NUMBER,
    Found,
    SearchOutcome,
    make_sources,
    tell_found,
)
from assistd.engine.vector_stores import stores
from assistd.engine.workspace.contents import Scope
from assistd.errors import NotFoundError, RequestError
from assistd.models.conversation import HostedCall, HostedResult
from assistd.objects import run_step, tools
from assistd.objects.run import Run
from assistd.objects.run_step import (
    FileSearchResult,
    FileSearchToolCall,
    ResultText,
    SearchRanking,
)


class SearchFace:
    """The `ToolFace` of file search."""

    type = search_words.NAME

    async def make(self, context: ToolContext) -> FileSearch | None:
        """Return the search of the stores of assistant and thread; see `ToolFace.make`.

        Where there are none it is not offered, unless the run demands a tool.
        """
        services, run = context.services, context.run
        try:
            used = await services.database.run(_use_stores, context.workspace.scope, run)
        except (NotFoundError, RequestError) as error:
            raise ToolError(f"The run cannot search its files: {error}") from error
        if not used.store_ids and run.tool_choice in {"auto", "none"}:
            return None
        return FileSearch(
            services.search,
            context.project_id,
            used.store_ids,
            awaited=used.of_thread,
            api_key_id=used.api_key_id,
            limits=_find_limits(run, services.models.find_window(run.model)),
        )

    def show(self, call_id: str, arguments: str, run: Run) -> FileSearchToolCall:
        """Return a call that has found nothing yet; see `CallFace.show`."""
        del arguments
        return _show(call_id, run)

    def show_more(self, arguments: str) -> None:
        """Show nothing of what is asked; see `CallFace.show_more`."""

    def end(self, call_id: str, arguments: str, outcome: ToolOutcome, run: Run) -> EndedCall:
        """Return a call with its results; no delta tells of them (contract, file search, trap 12)."""
        assert isinstance(outcome, SearchOutcome)
        results = tuple(
            FileSearchResult(
                file_id=each.file_id,
                file_name=each.filename,
                score=each.score,
                attributes=each.attributes,
                page=each.page,
                content=(ResultText(text=each.text),),
            )
            for each in outcome.results
        )
        kept: dict[str, JsonValue] = {"arguments": arguments, "problem": outcome.problem}
        return EndedCall(_show(call_id, run, results), None, kept)

    def interrupt(self, call: FileSearchToolCall, reason: str, run: Run) -> EndedCall:
        """Return a call without results; what it asked for is not known; see `ToolFace.interrupt`."""
        return self.end(call.id, "{}", SearchOutcome(problem=reason), run)

    def retell(
        self, call: FileSearchToolCall, result: JsonValue, how: Retelling
    ) -> tuple[HostedCall, HostedResult]:
        """Return what was asked and found, with the markers of the results; see `ToolFace.retell`."""
        tool = search_words.SEARCH
        known = cast("dict[str, Any]", result or {"arguments": "{}", "problem": UNANSWERED})
        told = tell_found(
            call.id,
            tool,
            _list_found(call, known.get("pages", ())),
            number=_number(how.ordinals[call.id]),
            problem=known["problem"],
        )
        return HostedCall(call.id, tool, known["arguments"]), told

    def list_sources(self, call: FileSearchToolCall, ordinal: int) -> Sequence[Source]:
        """Return its results; see `ToolFace.list_sources`."""
        return make_sources(_list_found(call), _number(ordinal))


@dataclass(frozen=True, slots=True)
class _Used:
    """The stores of a run, those of them that are its thread's, and on which key searches are metered."""

    store_ids: Sequence[str]
    of_thread: Sequence[str]
    api_key_id: str | None


@transaction(writes=True, short=True)
def _use_stores(connection: Connection, scope: Scope, run: Run) -> _Used:
    """Return the stores of a run; that it has them is a use of them.

    Raises:
        NotFoundError: one was deleted.
        RequestError: one is expired.
    """
    project_id = scope.project_id
    thread = nouns.threads.find(connection, run.thread_id, project_id=project_id)
    of_thread = thread.tool_resources.store_ids if thread else ()
    store_ids = list(dict.fromkeys((*run.tool_resources.store_ids, *of_thread)))
    for store_id in store_ids:
        stores.get_usable(connection, project_id, store_id)
    stores.note_use(connection, project_id, store_ids)
    return _Used(store_ids, of_thread, scope.find_key_id(connection))


def _find_limits(run: Run, window: int | None) -> SearchLimits:
    settings = tools.find_search(run.tools) or tools.FileSearchSettings()
    ranking = settings.ranking_options
    return find_limits(
        run.model,
        window,
        max_results=settings.max_num_results,
        threshold=ranking.score_threshold,
        hybrid=ranking.hybrid_search,
    )


def _show(call_id: str, run: Run, results: tuple[FileSearchResult, ...] = ()) -> FileSearchToolCall:
    settings = tools.find_search(run.tools) or tools.FileSearchSettings()
    ranking = SearchRanking(
        ranker=settings.ranking_options.ranker,
        score_threshold=settings.ranking_options.score_threshold,
    )
    search = run_step.FileSearch(ranking_options=ranking, results=results)
    return FileSearchToolCall(id=call_id, file_search=search)


def _number(ordinal: int) -> int:
    """Return the first number of the markers of a call: 4, 8, 12 ..., as recorded."""
    return FIRST_NUMBER * (ordinal + 1)


def _list_found(call: FileSearchToolCall, pages: Sequence[int | None] = ()) -> list[Found]:
    """Return the results of a call; earlier versions kept their `pages` apart."""
    return [
        Found(
            each.file_id,
            each.file_name,
            "".join(part.text for part in each.content or ()),
            page if each.page is None else each.page,
        )
        for each, page in zip(call.file_search.results, chain(pages, repeat(None)), strict=False)
    ]
