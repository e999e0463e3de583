"""Exports spans with OpenTelemetry's SDK; imported only where the operator wants that (extra `otel`)."""

import logging
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from opentelemetry.trace import Span as SdkSpan
from opentelemetry.trace import Tracer as SdkTracer

from assistd import __version__, telemetry
from assistd.tracing import names, spans
from assistd.tracing.spans import Caller, Kind, Span, Value

log = structlog.get_logger()

_COMPLAINT_SECONDS = 60.0
_KINDS: dict[Kind, SpanKind] = {
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "internal": SpanKind.INTERNAL,
}


@contextmanager
def collecting(exporter: SpanExporter, *, shows_names: bool) -> Generator[TracerProvider]:
    """Collect spans until the block ends; the provider is to be shut down before, for the last to be exported.

    Args:
        exporter: sends them, from a thread of its own.
        shows_names: see `Tracer.shows_names`.
    """
    ours = {"service.name": "assistd", "service.version": __version__}
    operators = OTELResourceDetector().detect().attributes  # which go before ours
    provider = TracerProvider(
        resource=Resource.create({**ours, **operators}), shutdown_on_exit=False
    )
    provider.add_span_processor(BatchSpanProcessor(exporter))
    spans.tracer = _Tracer(provider.get_tracer("assistd", __version__), shows_names)
    complaints = _Complaints()
    library = logging.getLogger("opentelemetry")
    library.addHandler(complaints)
    library.propagate = False
    try:
        with telemetry.listening(_note_claim):
            yield provider
    finally:
        spans.tracer = None
        library.removeHandler(complaints)


def make_exporter(kind: str, endpoint: str | None) -> SpanExporter:
    """Return an exporter; all else is read from OpenTelemetry's own variables.

    Args:
        kind: `otlp`, or `console` for stdout.
        endpoint: the base URL of the collector, if it is known.
    """
    if kind == "console":
        return ConsoleSpanExporter()
    return OTLPSpanExporter(endpoint and f"{endpoint.rstrip('/')}/v1/traces")


class _Complaints(logging.Handler):
    """Logs that the library complains, once in a while; its words may quote URLs and headers of the operator's."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._told_at = -_COMPLAINT_SECONDS

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line of the log about a complaint."""
        if time.monotonic() - self._told_at >= _COMPLAINT_SECONDS:
            self._told_at = time.monotonic()
            log.warning("trouble with traces", where=f"{record.name}:{record.lineno}")


class _Span:
    """A span of the SDK, as `Span` has it."""

    __slots__ = ("sdk",)

    def __init__(self, sdk: SdkSpan) -> None:
        self.sdk = sdk

    @property
    def traceparent(self) -> str:
        """Its id; see `Span.traceparent`."""
        context = self.sdk.get_span_context()
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"

    def set(self, attributes: Mapping[str, Value]) -> None:
        """Say more of it; see `Span.set`."""
        self.sdk.set_attributes(attributes)

    def rename(self, name: str) -> None:
        """Give it another name; see `Span.rename`."""
        self.sdk.update_name(name)

    def fail(self, kind: str) -> None:
        """Say what it ends with; see `Span.fail`."""
        self.sdk.set_attribute(names.ERROR_TYPE, kind)
        self.sdk.set_status(Status(StatusCode.ERROR))

    def end(self) -> None:
        """End it; see `Span.end`."""
        self.sdk.end()


class _Tracer:
    """Makes spans of the SDK, as `Tracer` has it."""

    def __init__(self, sdk: SdkTracer, shows_names: bool) -> None:  # noqa: FBT001  a field
        self.shows_names = shows_names
        self._sdk = sdk

    def start(
        self,
        name: str,
        kind: Kind,
        attributes: Mapping[str, Value],
        parent: Span | Caller | None,
        seconds_ago: float = 0,
    ) -> Span:
        """Begin a span; see `Tracer.start`."""
        began = time.time_ns() - round(seconds_ago * 1e9)
        above = None
        if isinstance(parent, _Span):
            above = set_span_in_context(parent.sdk)
        elif parent is not None:
            above = set_span_in_context(_make_remote(parent.traceparent))
        return _Span(self._sdk.start_span(name, above, _KINDS[kind], attributes, start_time=began))


def _note_claim(measured: telemetry.Measurement) -> None:
    """Note the claim of a session, which knows where the session came from."""
    if measured.point == "session_claim":
        spans.note_stage("claim", measured.seconds, measured.outcome, measured.error)


def _make_remote(traceparent: str) -> NonRecordingSpan:
    _, trace_id, span_id, flags = traceparent.split("-")
    return NonRecordingSpan(
        SpanContext(
            int(trace_id, 16),
            int(span_id, 16),
            is_remote=True,
            trace_flags=TraceFlags(int(flags, 16)),
        )
    )
