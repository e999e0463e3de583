"""What servers do now, below /assistd/admin: ids, names of projects and numbers, never content (decision 0098)."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Depends

from assistd import clock
from assistd.api.access import require_admin
from assistd.api.json_response import JsonResponse
from assistd.api.services import DatabaseDep, ModelsDep, ReporterDep, TenantsDep
from assistd.db import projects
from assistd.db.cluster import hosts
from assistd.db.database import Database
from assistd.objects.base import Object
from assistd.objects.operator.server import Report

router = APIRouter(prefix="/admin", dependencies=[Depends(require_admin)])

_Row = dict[str, Any]


@router.get("/live")
async def get_live(reporter: ReporterDep, database: DatabaseDep) -> JsonResponse:
    """Get the live sessions, the runs that have not ended, and who waits for a session, on all servers."""
    reports, names = await reporter.read_all(), await _read_names(database)
    running = [(server.id, report) for server, report in reports if not server.is_silent]
    once = Report.select_sandboxes([report for _, report in running])
    sandboxes = [(server_id, report) for server_id, report in running if report in once]
    live = {
        "object": "assistd.live",
        "at": clock.seconds(),
        "max_sessions": sum(report.max_sessions for report in once),
        "warm_sessions": sum(report.warm_sessions for report in once),
        "sessions": _rows(sandboxes, "sessions", names),
        "runs": [_row(each, names) for each in await reporter.list_runs(reports)],
        "queue": _rows(running, "waiting", names),
    }
    return JsonResponse(json.dumps(live, indent=2))


@router.get("/projects")
async def list_projects(reporter: ReporterDep, tenants: TenantsDep) -> JsonResponse:
    """List the projects that are not archived, with what they may use beside what they use."""
    return _list(each.model_dump() for each in await tenants.read(await reporter.read_all()))


@router.get("/servers")
async def list_servers(reporter: ReporterDep) -> JsonResponse:
    """List the servers that share the database, with how much each does; silent ones for an hour."""
    return _list(
        {
            "object": "assistd.server",
            **server.model_dump(),
            "sessions": len(report.sessions),
            "max_sessions": report.max_sessions,
            "warm_sessions": report.warm_sessions,
            "waiting": len(report.waiting),
        }
        for server, report in await reporter.read_all()
    )


@router.get("/hosts")
async def list_hosts(database: DatabaseDep) -> JsonResponse:
    """List the hosts of sessions that share the database; those that are silent for an hour."""
    found = await database.run(hosts.list_all)
    return _list({"object": "assistd.host", **asdict(each)} for each in found)


@router.get("/doctor")
async def list_walls(reporter: ReporterDep) -> JsonResponse:
    """List which walls stand around the sessions of each server, as it found them when it had started."""
    return _list(
        {
            "object": "assistd.doctor",
            "server_id": server.id,
            "host": server.host,
            "jail": server.jail,
            **report.model_dump(include={"walls", "limitations"}),
        }
        for server, report in await reporter.read_all()
    )


@router.get("/upstreams")
async def list_upstreams(
    reporter: ReporterDep, models: ModelsDep, *, probe: bool = False
) -> JsonResponse:
    """List what became of the last requests to servers of models.

    Args:
        reporter: knows what this server does.
        models: the models of this server.
        probe: whether to ask the upstream of this server for its models first; else nothing is asked.
    """
    if probe:
        await models.names()
    return _list(
        {"object": "assistd.upstream", "server_id": server.id, **each.model_dump()}
        for server, report in await reporter.read_all()
        for each in report.upstreams
    )


async def _read_names(database: Database) -> Mapping[str, str]:
    return {each.id: each.name for each in await database.run(projects.all_of)}


def _rows(
    reports: Iterable[tuple[str, Object]], field: str, names: Mapping[str, str]
) -> list[_Row]:
    """Return what stands in a field of each report, with the server that said it."""
    return [
        {**_row(each, names), "server_id": server_id}
        for server_id, report in reports
        for each in getattr(report, field)
    ]


def _row(each: Any, names: Mapping[str, str]) -> _Row:
    return {**each.model_dump(), "project_name": names.get(each.project_id)}


def _list(rows: Iterable[_Row]) -> JsonResponse:
    return JsonResponse(json.dumps({"object": "list", "data": list(rows)}, indent=2))
