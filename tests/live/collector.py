"""A collector of traces: a real HTTP server that takes what OTLP exporters send."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.live.server import wait_until


@dataclass(frozen=True)
class Exported:
    """A span, as it came over the wire."""

    name: str
    kind: int
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, Any]
    seconds: float
    is_error: bool


class Collector:
    """What came so far."""

    def __init__(self) -> None:
        self.url = ""
        self.spans: list[Exported] = []
        self.bodies: list[bytes] = []

    def take(self, body: bytes) -> None:
        """Take one request of an exporter."""
        self.bodies.append(body)
        sent = ExportTraceServiceRequest.FromString(body)
        self.spans += [
            Exported(
                span.name,
                span.kind,
                span.trace_id.hex(),
                span.span_id.hex(),
                span.parent_span_id.hex(),
                {each.key: _read(each.value) for each in span.attributes},
                (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
                span.status.code == 2,
            )
            for resource in sent.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def wait_for(self, name: str, count: int = 1) -> list[Exported]:
        """Wait for so many spans of a name; return them."""
        wait_until(lambda: len(self.named(name)) >= count, f"{count} spans {name!r}")
        return self.named(name)

    def named(self, name: str) -> list[Exported]:
        """The spans of a name."""
        return [span for span in self.spans if span.name == name]

    def below(self, parent: Exported) -> list[str]:
        """The names of the spans below another one."""
        return [span.name for span in self.spans if span.parent_id == parent.span_id]


def _read(value: Any) -> Any:
    which = value.WhichOneof("value")
    if which == "array_value":
        return [_read(each) for each in value.array_value.values]
    return getattr(value, which)


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector that listens until the block ends."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            collector.take(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  its name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    collector.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
