"""Spans: nothing where nobody collects them, and a tree where somebody does."""

import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from assistd import telemetry
from assistd.engine.timeline import Timeline, spanning
from assistd.tracing import export, names, spans

PARENT = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def provider(exporter: InMemorySpanExporter) -> Iterator[TracerProvider]:
    with export.collecting(exporter, shows_names=False) as made:
        yield made
        made.shutdown()


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


def test_where_nobody_collects_spans_nothing_is_imported_and_nothing_made() -> None:
    look = (
        "import sys, assistd.wiring.server; from assistd.tracing import spans; "
        "assert spans.start('x', 'internal', {}) is None; "
        "print([name for name in sys.modules if name.startswith('opentelemetry.sdk')])"
    )
    ran = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


@pytest.mark.parametrize(
    "header",
    [
        PARENT[:-1],
        PARENT + b"-more",
        PARENT.upper(),
        b"00-" + b"0" * 32 + PARENT[35:],
        PARENT[:36] + b"0" * 16 + b"-01",
        b"01" + PARENT[2:],
        b"",
    ],
)
async def test_a_parent_that_is_none_is_passed_over(header: bytes) -> None:
    spans.bind_caller([(b"traceparent", header), (b"tracestate", b"a=b")])
    assert spans.make_headers() == {}


async def test_state_that_is_too_long_is_not_passed_on() -> None:
    spans.bind_caller([(b"traceparent", PARENT), (b"tracestate", b"a=" + b"b" * 600)])
    assert spans.make_headers() == {"traceparent": PARENT.decode()}


def fail_within_a_call() -> None:
    with spans.executing("code_interpreter"):
        Timeline().bind()
        with spanning("exec") as measured:
            measured.note_outcome("error")
        raise ValueError("secret")


async def test_spans_stand_below_the_one_they_were_made_in_and_end_with_their_error(
    provider: TracerProvider, exporter: InMemorySpanExporter
) -> None:
    spans.bind_caller([(b"traceparent", PARENT), (b"tracestate", b"canary=1")])
    with spans.serving("POST", "/v1/responses"), spans.invoking():
        with pytest.raises(ValueError, match="secret"):
            fail_within_a_call()
        with telemetry.measuring("transaction"):
            pass
    assert spans.find_ids() == {}
    provider.force_flush()
    made = {span.name: span for span in exporter.get_finished_spans()}
    assert set(made) == {
        "POST /v1/responses",
        "invoke_agent",
        "execute_tool code_interpreter",
        "session exec",
    }
    order = ["POST /v1/responses", "invoke_agent", "execute_tool code_interpreter", "session exec"]
    for above, below in pairwise(order):
        parent = made[below].parent
        assert parent
        assert parent.span_id == made[above].context.span_id
    failed = made["execute_tool code_interpreter"]
    assert dict(failed.attributes or {})[names.ERROR_TYPE] == "ValueError"
    assert not failed.events  # an event of the exception would quote it
    assert "secret" not in failed.to_json()
    assert "canary" not in "".join(span.to_json() for span in made.values())


async def test_a_stage_outside_of_any_span_is_none(
    provider: TracerProvider, exporter: InMemorySpanExporter
) -> None:
    spans.note_stage("exec", 0.1, None, None)
    provider.force_flush()
    assert not exporter.get_finished_spans()
