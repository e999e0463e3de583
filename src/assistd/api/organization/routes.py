"""Organization: usage and costs of code interpreter sessions, for admin keys (contract section 8)."""

import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from assistd import clock
from assistd.api.access import require_admin
from assistd.api.json_response import JsonResponse
from assistd.api.organization.requests import CostsQuery, ReportQuery, UsageQuery, page_at
from assistd.api.services import DatabaseDep, PolicyDep
from assistd.db import sessions
from assistd.db.database import Database
from assistd.db.sessions import Span
from assistd.metering import meter
from assistd.metering.meter import Owner

router = APIRouter(prefix="/organization", dependencies=[Depends(require_admin)])

_LINE_ITEM = "code interpreter sessions"
_Owners = dict[str, str | None]


@router.get("/usage/code_interpreter_sessions")
async def get_usage(
    query: Annotated[UsageQuery, Depends(UsageQuery.of)], database: DatabaseDep
) -> JsonResponse:
    """Return how many sessions were billed, by minute, hour or day."""

    def result(owners: _Owners, number: int) -> dict[str, Any]:
        return {
            "object": "organization.usage.code_interpreter_sessions.result",
            "num_sessions": number,
            "project_id": owners.get("project_id"),
        }

    return await _report(database, query, query.group_by, None, result)


@router.get("/costs")
async def get_costs(
    query: Annotated[CostsQuery, Depends(CostsQuery.of)], database: DatabaseDep, policy: PolicyDep
) -> JsonResponse:
    """Return what the sessions cost, by day."""
    price = policy.session_price
    by_item = "line_item" in query.group_by

    def result(owners: _Owners, number: int) -> dict[str, Any]:
        return {
            "object": "organization.costs.result",
            "amount": {"value": round(number * price, 6), "currency": "usd"},
            "line_item": _LINE_ITEM if by_item else None,
            "project_id": owners.get("project_id"),
            "api_key_id": owners.get("api_key_id"),
            "quantity": number if by_item else None,
            "quantity_unit": None,
        }

    return await _report(database, query, query.owners, query.api_key_ids, result)


async def _report(
    database: Database,
    query: ReportQuery,
    owners: Sequence[Owner],
    api_key_ids: Sequence[str] | None,
    result: Callable[[_Owners, int], dict[str, Any]],
) -> JsonResponse:
    """Return one page of buckets; the last ends now, to the minute."""
    width = meter.SECONDS[query.width]
    now = (clock.seconds() // 60 + 1) * 60
    end = now if query.end_time is None else min(query.end_time, now)
    edges = meter.cut_edges(query.begins_at(), end, width, query.buckets)
    span = Span(edges[0], edges[-1], query.project_ids, api_key_ids)
    counts = await database.run(sessions.counts, span, width)
    data = [
        {
            "object": "bucket",
            "start_time": bucket.start,
            "end_time": bucket.end,
            "results": [
                result(dict(zip(owners, owner, strict=True)), number)
                for owner, number in bucket.sessions.items()
            ],
        }
        for bucket in meter.fill_buckets(edges, width, counts, owners)
    ]
    more = edges[-1] < end
    page = {
        "object": "page",
        "data": data,
        "has_more": more,
        "next_page": page_at(edges[-1]) if more else None,
    }
    return JsonResponse(json.dumps(page, indent=2))
