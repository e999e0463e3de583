"""The tables that processes coordinate by; every time in them is of the database's clock."""

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, String, Table, Text, text

from assistd.db.tables import metadata

rates = Table(  # what is left of the requests of projects that have a limit
    "rates",
    metadata,
    Column("project_id", String(64), primary_key=True),
    Column("tokens", Float, nullable=False),  # that no process has taken
    Column("at", Float, nullable=False),  # when there were so many
    prefixes=["UNLOGGED"],  # what a crash of PostgreSQL takes is there again after a minute
)

hosts = Table(  # the sandbox hosts, as they say themselves every second
    "hosts",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("started_at", Float, nullable=False),  # by the host's own clock
    Column("address", Text, nullable=False),
    Column("build", String(64), nullable=False),
    Column("tiers", String(64), nullable=False),  # of memory, in GiB, each between commas
    Column("state", String(64), nullable=False),  # up or draining; who is silent is down
    Column("mib_total", Integer, nullable=False),
    Column("mib_free", Integer, nullable=False),  # that no seat has reserved
    Column("most", Integer, nullable=False),
    Column("sessions", Integer, nullable=False),  # seats that are taken
    Column("warm", Integer, nullable=False),
    Column("beat_at", Float, nullable=False),
    Column("drain_until", Float),  # when its last sessions are closed; null unless it is drained
    Column("refused", Integer, nullable=False),  # claims that it broke
    Column("breaches", Integer, nullable=False),  # of these since `breached_at`
    Column("breached_at", Float, nullable=False),
    Column("on_probation", Boolean, nullable=False),
    Column("probed_at", Float, nullable=False),
)

seats = Table(  # of workspaces: the generation is kept for a while after a seat was left
    "seats",
    metadata,
    Column("workspace_id", String(64), primary_key=True),
    Column("project_id", String(64), nullable=False),
    Column("host_id", String(64)),  # null: the workspace has no seat now
    Column("generation", BigInteger, nullable=False),
    Column("tier", Integer, nullable=False),  # GiB
    Column("mib", Integer, nullable=False),
    Column(
        "until", Float, nullable=False
    ),  # by when its host shows the session; or when it was left
)

seat_counts = Table(  # the seats of each project: a row to lock, so that none is given too many
    "seat_counts",
    metadata,
    Column("project_id", String(64), primary_key=True),
    Column("seats", Integer, nullable=False),
)

_LEFT = text("host_id IS NULL")

Index("seats_by_host", seats.c.host_id)
Index("seats_left", seats.c.until, sqlite_where=_LEFT, postgresql_where=_LEFT)

response_slots = Table(  # responses of projects with a limit, from their begin to their end
    "response_slots",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("project_id", String(64), nullable=False),
    Column("lease_until", Float, nullable=False),
    prefixes=["UNLOGGED"],  # what a crash of PostgreSQL takes is free
)
