"""Puts together who collects spans, where the operator says where they go."""

import asyncio
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from assistd.errors import StartupError
from assistd.settings import Settings

_FLUSH_SECONDS = 5.0


@asynccontextmanager
async def tracing(settings: Settings) -> AsyncGenerator[None]:
    """Collect spans for as long as the block lasts, and give the last ones a moment to leave.

    Raises:
        StartupError: the packages for it are not there.
    """
    kind = settings.trace_exporter or ("otlp" if settings.trace_endpoint else "none")
    if kind == "none":
        yield
        return
    try:
        from assistd.tracing import export  # noqa: PLC0415  it takes half a second
    except ModuleNotFoundError as error:
        raise StartupError(
            f"Traces need the package {error.name}: install assistd[otel], or unset "
            "OTEL_EXPORTER_OTLP_ENDPOINT and OTEL_TRACES_EXPORTER."
        ) from error
    exporter = export.make_exporter(kind, settings.trace_endpoint)
    with export.collecting(exporter, shows_names=settings.trace_names) as provider:
        try:
            yield
        finally:
            # A collector that is away is asked again and again, and nobody wants to wait for that.
            flushing = threading.Thread(target=provider.shutdown, daemon=True)
            flushing.start()
            await asyncio.to_thread(flushing.join, _FLUSH_SECONDS)
