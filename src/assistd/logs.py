"""Logs: one line per event, fields instead of prose, and never code, prompts or keys."""

import logging
import sys
import traceback
from collections.abc import MutableMapping
from functools import partial
from typing import Any, Literal

from assistd import telemetry
from assistd.quoting import escape
from assistd.tracing import spans

shows_requests = False
"""Whether the log has a line for each request; asked first, for to log nothing costs some microseconds."""


class Logger:
    """Logs like a logger of structlog, which it imports for the first event.

    That takes as long as the whole sandbox, so what starts a zygote does not wait for it.
    """

    def __getattr__(self, name: str) -> Any:
        import structlog  # noqa: PLC0415  see above

        return getattr(structlog.get_logger(), name)


def configure(
    level: str, form: Literal["auto", "json", "text"] = "auto", worker: int | None = None
) -> None:
    """Write events of `level` and above to stderr.

    Args:
        level: the name of the lowest level that is written.
        form: `text` for people, `json` for programs, `auto`: text on a terminal and JSON elsewhere.
        worker: which of several processes writes; each line says so.
    """
    import structlog  # noqa: PLC0415  see `Logger`

    global shows_requests  # noqa: PLW0603  of the process, as its log is
    shows_requests = level == "debug"
    is_text = sys.stderr.isatty() if form == "auto" else form == "text"
    rendering = (
        (_escape_fields, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()))
        if is_text
        else (structlog.processors.JSONRenderer(),)
    )
    structlog.configure(
        processors=[
            *([] if worker is None else [partial(_add_worker, worker)]),
            _add_ids,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            *rendering,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _add_worker(
    worker: int, _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    event["worker"] = worker
    return event


def _add_ids(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Say for whom the event came about; what the event names itself holds."""
    for name, id_ in (*telemetry.bound_ids().items(), *spans.find_ids().items()):
        event.setdefault(name, id_)
    return event


def _escape_fields(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """A path or an id that a client made may hold what a terminal obeys; JSON escapes it itself."""
    return {
        name: escape(value) if isinstance(value, str) else value for name, value in event.items()
    }


def failure(error: BaseException) -> dict[str, str]:
    """The fields of an unforeseen error: its class and where it was raised.

    Not its message: that may quote a prompt, code or a key.
    """
    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames[-6:]))
    return {"error": type(error).__name__, "where": where}
