"""Organization: usage and costs, for admin keys (contract section 8; file search, section 2)."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from assistd import clock
from assistd.api.access import require_admin
from assistd.api.json_response import JsonResponse
from assistd.api.organization.requests import (
    CompletionsQuery,
    CostsQuery,
    EmbeddingsQuery,
    ReportQuery,
    RequestsQuery,
    SearchesQuery,
    UsageQuery,
    page_at,
)
from assistd.api.services import CompletionsDep, DatabaseDep, PolicyDep
from assistd.db import sessions
from assistd.db.database import Database
from assistd.db.sessions import Span
from assistd.db.usage import index_bytes, requests
from assistd.db.usage.requests import Kind
from assistd.metering import meter
from assistd.metering.meter import Cost, Number, Owner

router = APIRouter(prefix="/organization", dependencies=[Depends(require_admin)])

_LINE_ITEM = "code interpreter sessions"
_NUMBERS: tuple[Number, ...] = ("requests", "tokens")
_OF_COMPLETIONS: tuple[Number, ...] = (*_NUMBERS, "output_tokens", "cached_tokens")
_Result = dict[str, Any]
_Owners = dict[str, str | int | None]


@dataclass(frozen=True, slots=True)
class _Frame:
    """Which buckets a page has.

    Args:
        query: what is wanted.
        edges: of the buckets, in Unix seconds.
        end: where the last bucket of the last page ends: now, to the minute, unless that is too late.
    """

    query: ReportQuery
    edges: Sequence[int]
    end: int

    @property
    def width(self) -> int:
        """The width of a bucket in seconds."""
        return meter.SECONDS[self.query.width]

    def span(self, api_key_ids: Sequence[str] | None = None) -> Span:
        """Return the time of the page, and whose usage is wanted."""
        return Span(self.edges[0], self.edges[-1], self.query.project_ids, api_key_ids)

    def respond(self, results: Iterable[list[_Result]]) -> JsonResponse:
        """Return the page, with the results of each bucket."""
        more = self.edges[-1] < self.end
        page = {
            "object": "page",
            "data": [
                {"object": "bucket", "start_time": start, "end_time": end, "results": found}
                for (start, end), found in zip(pairwise(self.edges), results, strict=True)
            ],
            "has_more": more,
            "next_page": page_at(self.edges[-1]) if more else None,
        }
        return JsonResponse(json.dumps(page, indent=2))


def _frame(query: ReportQuery) -> _Frame:
    now = (clock.seconds() // 60 + 1) * 60
    end = now if query.end_time is None else min(query.end_time, now)
    width = meter.SECONDS[query.width]
    return _Frame(query, meter.cut_edges(query.begins_at(), end, width, query.buckets), end)


@router.get("/usage/code_interpreter_sessions")
async def get_usage(
    query: Annotated[UsageQuery, Depends(UsageQuery.of)], database: DatabaseDep
) -> JsonResponse:
    """Return how many sessions were billed, by minute, hour or day."""

    def result(owners: _Owners, number: int) -> _Result:
        return {
            "object": "organization.usage.code_interpreter_sessions.result",
            "num_sessions": number,
            "project_id": owners.get("project_id"),
        }

    return await _report_sessions(database, query, result)


@router.get("/usage/vector_stores")
async def get_vector_store_usage(
    query: Annotated[UsageQuery, Depends(UsageQuery.of)], database: DatabaseDep
) -> JsonResponse:
    """Return how many bytes vector stores took at the end of each minute, hour or day."""
    frame = _frame(query)
    await database.run(index_bytes.note)  # or the page would not know of the last minute
    start, end = frame.edges[0], frame.edges[-1]
    notes = await database.run(index_bytes.read, start, end, query.project_ids)
    buckets = meter.fill_with_bytes(frame.edges, notes, by_project=bool(query.group_by))
    return frame.respond(
        [
            {
                "object": "organization.usage.vector_stores.result",
                "usage_bytes": size,
                "project_id": owner[0] if owner else None,
            }
            for owner, size in bucket.sums.items()
        ]
        for bucket in buckets
    )


@router.get("/usage/file_search_calls")
async def get_search_usage(
    query: Annotated[SearchesQuery, Depends(SearchesQuery.of)], database: DatabaseDep
) -> JsonResponse:
    """Return how often vector stores were searched, by minute, hour or day."""

    def result(owners: _Owners, requests: int, _: int) -> _Result:
        return {
            "object": "organization.usage.file_searches.result",
            "num_requests": requests,
            "project_id": owners.get("project_id"),
            "user_id": None,
            "api_key_id": owners.get("api_key_id"),
            "vector_store_id": owners.get("subject"),
        }

    return await _report_requests(database, query, "file_search", result)


@router.get("/usage/embeddings")
async def get_embeddings_usage(
    query: Annotated[EmbeddingsQuery, Depends(EmbeddingsQuery.of)], database: DatabaseDep
) -> JsonResponse:
    """Return how many texts were embedded, by minute, hour or day."""

    def result(owners: _Owners, requests: int, tokens: int) -> _Result:
        return {
            "object": "organization.usage.embeddings.result",
            "input_tokens": tokens,
            "num_model_requests": requests,
            "project_id": owners.get("project_id"),
            "user_id": None,
            "api_key_id": owners.get("api_key_id"),
            "model": owners.get("subject"),
        }

    return await _report_requests(database, query, "embeddings", result)


@router.get("/usage/completions")
async def get_completions_usage(
    query: Annotated[CompletionsQuery, Depends(CompletionsQuery.of)],
    database: DatabaseDep,
    completions: CompletionsDep,
) -> JsonResponse:
    """Return what models read and wrote for runs and responses, by minute, hour or day."""
    await completions.flush()  # or the page would not know of the last seconds

    def result(owners: _Owners, requests: int, read: int, written: int, cached: int) -> _Result:
        return {
            "object": "organization.usage.completions.result",
            "input_tokens": read,
            "output_tokens": written,
            "input_cached_tokens": cached,
            "input_audio_tokens": 0,
            "output_audio_tokens": 0,
            "num_model_requests": requests,
            "project_id": owners.get("project_id"),
            "user_id": None,
            "api_key_id": owners.get("api_key_id"),
            "model": owners.get("subject"),
            "batch": False if "batch" in query.group_by else None,
            "service_tier": None,
        }

    return await _report_requests(database, query, "completions", result, _OF_COMPLETIONS)


@router.get("/costs")
async def get_costs(
    query: Annotated[CostsQuery, Depends(CostsQuery.of)], database: DatabaseDep, policy: PolicyDep
) -> JsonResponse:
    """Return what the sessions cost, by day."""
    by_item = "line_item" in query.group_by
    frame = _frame(query)
    counts = await database.run(sessions.counts, frame.span(query.api_key_ids), frame.width)
    owners: tuple[Owner, ...] = (*query.owners, *(("memory_gib",) if by_item else ()))
    buckets = meter.fill_with_costs(frame.edges, frame.width, counts, owners, policy.session_prices)

    def result(owner: _Owners, cost: Cost) -> _Result:
        return {
            "object": "organization.costs.result",
            "amount": {"value": round(cost.dollars, 6), "currency": "usd"},
            "line_item": _name_item(owner["memory_gib"]) if by_item else None,
            "project_id": owner.get("project_id"),
            "api_key_id": owner.get("api_key_id"),
            "quantity": cost.sessions if by_item else None,
            "quantity_unit": None,
        }

    return frame.respond(
        [result(_name(owners, owner), cost) for owner, cost in bucket.items()] for bucket in buckets
    )


async def _report_sessions(
    database: Database,
    query: UsageQuery,
    result: Callable[[_Owners, int], _Result],
) -> JsonResponse:
    """Return one page of billed sessions; the last bucket ends now, to the minute."""
    frame = _frame(query)
    counts = await database.run(sessions.counts, frame.span(), frame.width)
    owners = query.group_by
    buckets = meter.fill_buckets(frame.edges, frame.width, counts, owners)
    return frame.respond(
        [result(_name(owners, owner), number) for owner, number in bucket.sums.items()]
        for bucket in buckets
    )


async def _report_requests(
    database: Database,
    query: RequestsQuery,
    kind: Kind,
    result: Callable[..., _Result],
    numbers: Sequence[Number] = _NUMBERS,
) -> JsonResponse:
    """Return one page of requests; the last bucket ends now, to the minute.

    Args:
        database: where they are.
        query: what is wanted.
        kind: what the requests were for.
        result: makes a result of an owner and of its `numbers`.
        numbers: what is summed up.
    """
    frame = _frame(query)
    span = frame.span(query.api_key_ids)
    counts = await database.run(requests.read, kind, span, frame.width, query.subjects)
    owners = query.owners
    sums = [
        meter.fill_buckets(frame.edges, frame.width, counts, owners, number) for number in numbers
    ]
    return frame.respond(
        [
            result(_name(owners, owner), *(bucket.sums[owner] for bucket in buckets))
            for owner in buckets[0].sums
        ]
        for buckets in zip(*sums, strict=True)
    )


def _name_item(memory_gib: object) -> str:
    """Return the line item of sessions with so many GiB of memory; threads have the smallest tier."""
    return _LINE_ITEM if memory_gib == 1 else f"{_LINE_ITEM}, {memory_gib}g"


def _name(fields: Sequence[Owner], owner: Sequence[str | int | None]) -> _Owners:
    return dict(zip(fields, owner, strict=True))
