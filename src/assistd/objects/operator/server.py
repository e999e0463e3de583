"""A server as an operator sees it: what it does now, in ids, names and numbers; never content."""

from collections.abc import Sequence
from typing import Literal

from assistd.objects.base import Object, Timestamp
from assistd.objects.project import ProjectLimits


class SessionReport(Object):
    """A live session.

    Args:
        id: its id, as in reports of usage.
        key: the thread or the container that it serves.
        project_id: whose it is.
        is_busy: whether a cell runs in it, or files are read.
        opened_at: when it was opened.
        used_at: when it was last used.
        ends_at: when it is closed if nobody uses it until then.
        memory_bytes: what its processes and files hold; null where that was not measured.
        memory_limit_bytes: what they may hold.
        cpu_seconds: processors' time of its processes so far; likewise.
    """

    id: str
    key: str
    project_id: str
    is_busy: bool
    opened_at: Timestamp
    used_at: Timestamp
    ends_at: Timestamp
    memory_bytes: int | None = None
    memory_limit_bytes: int
    cpu_seconds: float | None = None


class WaitingReport(Object):
    """A thread or a container that waits for a session.

    Args:
        key: its id.
        project_id: whose it is.
        seconds: how long it has waited.
    """

    key: str
    project_id: str
    seconds: float


class RunReport(Object):
    """A run, or a response, that has not ended.

    Args:
        id: its id.
        api: which of the two doors it came through.
        project_id: whose it is.
        thread_id: the thread of a run; null of a response.
        status: its state.
        created_at: when it was made.
        seconds: how old it is.
        backend: who answers for its model.
        model: the model's name where the operator or the upstream named it; else `other`.
        server_id: which server works on it; null where none does.
    """

    id: str
    api: Literal["assistants", "responses"]
    project_id: str
    thread_id: str | None = None
    status: str
    created_at: Timestamp
    seconds: int = 0
    backend: str
    model: str
    server_id: str | None = None


class UpstreamReport(Object):
    """What became of the last requests to a server of models.

    Args:
        backend: which one: `upstream`, or the built-in `local` one.
        host: its host and port.
        answered_at: when it last answered; null where it never did.
        failed_at: when it last failed; likewise.
        failure: what kind of failure that was.
        successes: how many requests it has answered since this server started.
        failures: how many times it failed.
    """

    backend: str
    host: str
    answered_at: Timestamp | None = None
    failed_at: Timestamp | None = None
    failure: str | None = None
    successes: int = 0
    failures: int = 0


class WallReport(Object):
    """A wall around sessions, as the server found it when it had started.

    Args:
        name: what it is.
        stands: whether it is in force.
        is_required: whether no server starts without it.
        meaning: what it keeps, or what is open for want of it.
    """

    name: str
    stands: bool
    is_required: bool
    meaning: str


class Report(Object):
    """What a server does.

    Args:
        lease_owners: its names in leases of runs and of responses.
        sessions: its live sessions.
        max_sessions: how many it may have.
        warm_sessions: forked sessions that wait for the next that is opened.
        waiting: who waits for a session, by the time of arrival.
        responses: responses that it makes while their clients wait, which are in no table.
        upstreams: the servers of models that it asks.
        walls: of its sessions; empty until it has looked.
        limitations: what its jail cannot give, by short names.
        shares_hosts: whether its sessions are those of hosts that other servers tell of, too.
    """

    lease_owners: tuple[str, ...] = ()
    sessions: tuple[SessionReport, ...] = ()
    max_sessions: int = 0
    warm_sessions: int = 0
    waiting: tuple[WaitingReport, ...] = ()
    responses: tuple[RunReport, ...] = ()
    upstreams: tuple[UpstreamReport, ...] = ()
    walls: tuple[WallReport, ...] = ()
    limitations: tuple[str, ...] = ()
    shares_hosts: bool = False

    @staticmethod
    def select_sandboxes(reports: "Sequence[Report]") -> "list[Report]":
        """Return reports that tell of every session once: of servers that share hosts one alone tells."""
        shared = max(
            (each for each in reports if each.shares_hosts),
            key=lambda each: len(each.sessions),
            default=None,
        )
        return [each for each in reports if not each.shares_hosts or each is shared]


class Server(Object):
    """A process that serves this database.

    Args:
        id: its name, for as long as it lives.
        host: the name of its machine.
        version: of assistd.
        jail: what isolates its sessions; null until that is known.
        started_at: when it started.
        seen_at: when it last reported itself.
        is_silent: whether that is too long ago.
    """

    id: str
    host: str
    version: str
    jail: str | None = None
    started_at: Timestamp
    seen_at: float = 0.0
    is_silent: bool = False


class ProjectUse(Object):
    """What a project uses now.

    Args:
        runs: runs and responses that have not ended.
        requests: how many of its requests per minute are used up on the server where most are, for each
            limits its own; null where there is no limit.
        sessions: live sessions on the server where it has most, for each server limits its own.
        all_sessions: live sessions on all servers.
        waiting: threads and containers that wait for a session.
        storage_bytes: of its files and its indexes; looked up every ten seconds.
        billed_today: sessions that were billed since midnight (UTC).
        dollars_today: what they cost.
    """

    runs: int
    requests: int | None
    sessions: int
    all_sessions: int
    waiting: int
    storage_bytes: int
    billed_today: int
    dollars_today: float


class ProjectReport(Object):
    """A project, with what it may use beside what it uses.

    Args:
        limits: what holds for it: its own limits, else those of the settings; null means none.
        use: what it uses.
    """

    object: Literal["assistd.project"] = "assistd.project"
    id: str
    name: str
    created_at: Timestamp
    limits: ProjectLimits
    use: ProjectUse
