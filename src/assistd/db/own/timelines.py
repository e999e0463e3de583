"""The timelines of runs and of responses: JSON beside their rows."""

from sqlalchemy import Connection, bindparam, select, update

from assistd.db import tables
from assistd.db.prepared import prepare
from assistd.db.transaction import transaction

_RUNS, _RESPONSES = tables.runs.c, tables.responses.c
_OF_RUN = prepare(select(_RUNS.timeline).where(_RUNS.id == bindparam("_id")))
_OF_RESPONSE = prepare(select(_RESPONSES.timeline).where(_RESPONSES.id == bindparam("_id")))
_KEEP = prepare(
    update(tables.responses)
    .where(_RESPONSES.id == bindparam("_id"))
    .values(timeline=bindparam("timeline"))
)


@transaction(short=True)
def find_of_run(connection: Connection, id_: str) -> str | None:
    """Return the timeline of a run; None where none is kept yet, or it is of an older version."""
    return connection.execute(_OF_RUN, {"_id": id_}).scalar()


@transaction(short=True)
def find_of_response(connection: Connection, id_: str) -> str | None:
    """Return the timeline of a response; None as with a run."""
    return connection.execute(_OF_RESPONSE, {"_id": id_}).scalar()


@transaction(writes=True, short=True)
def keep_of_response(connection: Connection, response_id: str, timeline: str) -> None:
    """Write the timeline of a response; that of a run is written with its state (`runs.move`)."""
    connection.execute(_KEEP, {"_id": response_id, "timeline": timeline})
