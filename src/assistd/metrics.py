"""The metrics: names, types and closed sets of labels of all that is counted, in one table.

A room counts where the fact is: `metrics.LEASES_LOST.add()`. Nothing here holds ids, names that a client chose,
or text. docs/operating.md tells operators what to look at.
"""

import sys
import time
from contextlib import AbstractContextManager, nullcontext

from assistd import __version__
from assistd.instruments import OTHER, Counter, Distribution, Gauge, Histogram, Label, Number

MOST_MODELS = 20
"""How many of the operator's names of models have series of their own."""

MOST_SERIES = 2_000
"""How many series there can be in all, those of projects left out: the operator says how many of these there are."""

_MOST_ASKED = (
    MOST_MODELS + 4
)  # `direct`, `local` and, of each backend that clients' names reach, `other`

_MILLISECONDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 1)
_SECONDS = (0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600)
_WAITS = (0.001, 0.01, 0.1, 0.5, 1, 5, 10, 30, 60)
_NUMBERS = (0, 1, 2, 3, 4, 6, 8, 16, 32)
_BYTES = tuple(float(2**power) for power in (24, 26, 27, 28, 29, 30, 31, 32, 34, 36))

_route = Label("route")
_timed_route = Label("route")
_method = Label("method", "GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS")
_status_class = Label("status_class", "1xx", "2xx", "3xx", "4xx", "5xx", "none")
_api = Label("api", "assistants", "responses")
_ending = Label("status", "completed", "failed", "cancelled", "expired", "incomplete")
_active = Label("status", "queued", "in_progress", "requires_action", "cancelling")
_backend = Label("backend", "upstream", "local", "direct")
_code = Label("code", "server_error", "rate_limit_exceeded", "invalid_prompt")
_stage = Label("stage", "model", "session", "tool", "server")
_model = Label("model")
_tokens = Label("kind", "in", "out", "cached", "reasoning")
_trouble = Label(
    "class", "connect", "4xx", "429", "5xx", "timeout", "protocol", "broken_off", "truncated"
)
_jail = Label("jail", "namespaces", "landlock", "gvisor", "dangerously_unconfined")
_opening = Label("how", "parked", "new")
_claim = Label("outcome", "live", "parked", "new", "failed")
_end = Label("why", "idle", "age", "died", "memory", "evicted", "closed")
_cell = Label("outcome", "ok", "error", "timeout", "memory", "killed")
_way = Label("way", "kept", "store", "server")
_harvest = Label("outcome", "ok", "failed")
_limit = Label("limit", "requests", "runs", "sessions", "storage")
_access = Label("access", "read", "write")
_failure = Label("stage", "start", "open", "task")
_host_state = Label("state", "up", "draining", "down", "probation")
_tier = Label("memory", "1g", "4g", "16g", "64g")
_version, _python = Label("version", __version__), Label("python", sys.version.split()[0])
_limitations = Label("walls_missing")
_project = Label("project")

HTTP_REQUESTS = Counter(
    "http_requests",
    "Requests that were answered, by the template of their path.",
    *(_route, _method, _status_class),
    most=260,
)
HTTP_REQUEST_SECONDS = Histogram(
    "http_request_seconds",
    "Time from a request's head until its response has left, streams included; of operators' paths together.",
    *(_timed_route, _method),
    bounds=(0.1, 1, 10),
    most=98,
)
HTTP_STREAMS_ACTIVE = Gauge(
    "http_streams_active", "Streams of events that are being sent.", is_of_process=True
)
HTTP_STREAM_GIVEN_UP = Counter(
    "http_stream_given_up", "Streams that were ended because their client read too slowly."
)

RUNS = Counter(
    "runs",
    "Runs, and responses of the second door, that ended here.",
    *(_api, _ending, _backend),
)
RUN_SECONDS = Histogram(
    "run_seconds",
    "Time that this process worked on a run until it ended.",
    _backend,
    bounds=_SECONDS,
)
RUN_WAIT_SECONDS = Histogram(
    "run_wait_seconds", "Time from a run's creation until somebody worked on it.", bounds=_WAITS
)
RUNS_ACTIVE = Gauge(
    "runs_active",
    "Runs and responses of this server that have not ended.",
    *(_api, _active),
    is_of_process=True,
)
RUN_ERRORS = Counter("run_errors", "Runs that failed, by their code and where.", _code, _stage)
RUN_QUESTIONS = Histogram("run_turns", "Questions to the model in a run.", bounds=_NUMBERS[1:])
RUN_TOOL_CALLS = Histogram("run_tool_calls", "Calls of hosted tools in a run.", bounds=_NUMBERS)

MODEL_REQUEST_SECONDS = Histogram(
    "model_request_seconds",
    "Time from a question to a model until the end of its answer.",
    *(_backend, _model),
    bounds=(1, 5, 20, 60),
    most=_MOST_ASKED,
)
MODEL_FIRST_TOKEN_SECONDS = Histogram(
    "model_first_token_seconds",
    "Time from a question to a model until the first word of its answer.",
    *(_backend, _model),
    bounds=(0.1, 0.5, 2, 10),
    most=_MOST_ASKED,
)
MODEL_TOKEN_SECONDS = Histogram(
    "model_token_seconds",
    "Time for each word of an answer after the first.",
    *(_backend, _model),
    bounds=(0.01, 0.03, 0.1),
    most=_MOST_ASKED,
)
MODEL_TOKENS = Counter(
    "model_tokens",
    "Tokens that models read and wrote; `cached` and `reasoning` are parts of these.",
    *(_model, _tokens),
    most=4 * (MOST_MODELS + 3),
)
MODEL_ERRORS = Counter(
    "model_errors", "Questions that an upstream failed for good.", _backend, _trouble
)
MODEL_RETRIES = Counter("model_retries", "Questions that were asked again.", _backend, _trouble)

SESSIONS_LIVE = Gauge("sessions_live", "Live sessions.", _jail)
SESSIONS_PARKED = Gauge("sessions_parked", "Forked sessions that wait for the next thread.", _jail)
SESSIONS_LIMIT = Gauge("sessions_limit", "Sessions that may be live at once.", _jail)
SESSIONS_OPENED = Counter("sessions_opened", "Sessions that were opened for somebody.", _opening)
SESSIONS_RESTORED = Counter(
    "sessions_restored", "Opened sessions that took the place of an earlier one, with its files."
)
SESSIONS_BILLED = Counter("sessions_billed", "Sessions that were put on a bill.")
SESSIONS_ENDED = Counter("sessions_ended", "Sessions that ended.", _end)
SESSION_CLAIM_SECONDS = Histogram(
    "session_claim_seconds",
    "Time from a claim until its session can be used, waits for a free place included.",
    _claim,
    bounds=_MILLISECONDS,
)
SESSION_EXEC_SECONDS = Histogram(
    "session_exec_seconds", "Time that a cell ran.", _cell, bounds=(0.01, 0.1, 1, 5, 30, 120)
)
SESSION_HARVEST_SECONDS = Histogram(
    "session_harvest_seconds",
    "Time to find and keep what a cell wrote.",
    _harvest,
    bounds=_MILLISECONDS,
)
SESSION_MEMORY_BYTES = Histogram(
    "session_memory_bytes",
    "Memory of the processes that a session ended with, each when it had most.",
    bounds=_BYTES,
)
SESSION_CPU_SECONDS = Histogram(
    "session_cpu_seconds",
    "Processor time of the processes that a session ended with.",
    bounds=_SECONDS,
)
EXEC_OUTCOMES = Counter("exec_outcomes", "Cells that ran, by how they ended.", _cell)

SANDBOX_HOSTS = Gauge("sandbox_hosts", "Hosts of sessions that share the database.", _host_state)
SEATS_TAKEN = Gauge("seats_taken", "Seats on these hosts that sessions have.")
SEATS_FREE = Gauge(
    "seats_free", "Seats on these hosts for sessions of so much memory, if only such came.", _tier
)

QUEUE_WAITING = Gauge("queue_waiting", "Calls that wait because all sessions are in use.")
QUEUE_OLDEST_SECONDS = Gauge("queue_oldest_seconds", "How long the first of them has waited.")
QUEUE_WAIT_SECONDS = Histogram(
    "queue_wait_seconds", "Time that calls waited in line until they got a place.", bounds=_WAITS
)
QUEUE_REFUSED = Counter("queue_refused", "Calls that got no place: the line was full, or too slow.")

FILES_BYTES_IN = Counter("files_bytes_in", "Bytes that clients uploaded.")
FILES_BYTES_OUT = Counter("files_bytes_out", "Bytes of files that clients began to download.")
FILES_HARVESTED = Counter("files_harvested", "Files that code wrote, and that were kept.")
FILES_TO_HOSTS = Counter(
    "files_to_hosts",
    "Stored files put into sessions of hosts: kept there from before, fetched there from the blob store, or sent "
    "by this server.",
    _way,
)
STORAGE_BYTES = Gauge("storage_bytes", "Bytes of all files and indexes, as projects are charged.")
DISK_BYTES = Gauge("disk_bytes", "Size of the disk under the data folder.")
DISK_FREE_BYTES = Gauge("disk_free_bytes", "Free bytes of the disk under the data folder.")
BLOBS_SWEPT = Counter("blobs_swept", "Blobs without a file that were freed.")
LIMITS_REFUSED = Counter(
    "limits_refused", "What was refused because a project is at a limit.", _limit
)

DB_TRANSACTION_SECONDS = Histogram(
    "db_transaction_seconds", "Time of a database transaction.", _access, bounds=_MILLISECONDS
)
DB_ERRORS = Counter("db_errors", "Transactions that the database failed.", _access)
BLOB_SECONDS = Histogram(
    "blob_seconds", "Time to write a blob, or to open one.", _access, bounds=_MILLISECONDS
)
LEASE_RENEWALS = Counter("lease_renewals", "Leases of jobs that were renewed.")
LEASE_TAKEOVERS = Counter("lease_takeovers", "Jobs of dead processes that were taken over.")
LEASES_LOST = Counter("leases_lost", "Jobs that another process took over from this one.")
ZYGOTE_RESTARTS = Counter("zygote_restarts", "Zygotes that died and were started again.", _jail)
SANDBOX_FAILURES = Counter(
    "sandbox_failures", "Failures of the sandbox itself, not of code in it.", _jail, _failure
)

READY = Gauge("ready", "Whether the server is ready, as GET /health/ready says: 1 or 0.")
LOOP_LAG_SECONDS = Histogram(
    "loop_lag_seconds",
    "How much later than due the event loop came to a task.",
    bounds=_MILLISECONDS,
)
BUILD_INFO = Gauge("build_info", "Always 1; the labels say which version runs.", _version, _python)
JAIL_INFO = Gauge(
    "jail_info",
    "Always 1; the labels say which jail sessions are in, and what it cannot give here.",
    *(_jail, _limitations),
)

PROJECT_RUNS = Counter("project_runs", "Runs and responses of a project that ended.", _project)
PROJECT_SESSIONS = Counter("project_sessions", "Sessions that were opened for a project.", _project)
PROJECT_TOKENS = Counter("project_tokens", "Tokens of a project's runs.", _project)
PROJECT_STORAGE_BYTES = Gauge(
    "project_storage_bytes", "Bytes that a project is charged for.", _project
)

MODELS, ROUTES, TIMED_ROUTES = _model, _route, _timed_route
PROJECTS, LIMITATIONS = _project, _limitations
"""Labels whose values are known once the server is put together."""

BUILD_INFO.set(1, __version__, sys.version.split()[0])

project_names: dict[str, str] = {}
"""The names that projects are counted by, by their ids; none where projects are not counted."""

_Request = tuple[str, str, int | None]
_requests: dict[_Request, tuple[Number, Distribution]] = {}
"""The series of requests that were seen, by route, method and status: every request asks for its own."""
_transactions = {access: DB_TRANSACTION_SECONDS.of(access) for access in ("read", "write")}
_nothing = nullcontext()
_is_on = True


def switch(*, on: bool) -> None:
    """Count what happens so often that counting shows, requests and transactions, or leave that out."""
    global _is_on  # noqa: PLW0603  of the process, as the numbers are
    _is_on = on


def count_request(route: str, method: str, status: int | None, seconds: float) -> None:
    """Count a request.

    Args:
        route: the template of its path; `other` where there is none.
        method: of the request.
        status: of the response; None: its client went away before.
        seconds: until the response had left.
    """
    if _is_on:
        key = (route, method, status)
        number, observed = _requests.get(key) or _find_request(key)
        number.value += 1
        observed.observe(seconds)


def _find_request(key: _Request) -> tuple[Number, Distribution]:
    """Return the series of a request; of one that is no other's, to be found sooner next time."""
    route, method, status = key
    found = (
        HTTP_REQUESTS.of(route, method, f"{status // 100}xx" if status else "none"),
        HTTP_REQUEST_SECONDS.of(*((route, method) if TIMED_ROUTES.has(route) else (OTHER, OTHER))),
    )
    if ROUTES.choose(route) == route and _method.choose(method) == method:
        _requests[key] = found
    return found


def count_transaction(access: str, seconds: float, *, failed: bool) -> None:
    """Count a database transaction.

    Args:
        access: `read` or `write`.
        seconds: until its end.
        failed: whether the database failed it.
    """
    if _is_on:
        _transactions[access].observe(seconds)
        if failed:
            DB_ERRORS.add(access)


def count_for_project(counter: Counter, project_id: str, by: float = 1) -> None:
    """Count something for a project, where projects are counted."""
    if project_names:
        counter.add(project_names.get(project_id, OTHER), by=by)


def timing(histogram: Histogram, *values: str) -> AbstractContextManager[None]:
    """Observe how long the block takes, unless that is switched off."""
    return _Timing(histogram.of(*values)) if _is_on else _nothing


class _Timing:
    """The time between its entry and its exit, observed however the block ends."""

    __slots__ = ("_began", "_observed")

    def __init__(self, observed: Distribution) -> None:
        self._observed = observed
        self._began = time.perf_counter()

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._observed.observe(time.perf_counter() - self._began)
