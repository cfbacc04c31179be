"""One request in all stores, found by its trace id."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from sandbox_testing.polling import eventually
from sandbox_testing.spans import Span, orphans
from sandbox_testing.stores import ErrorEvent, LogLine, Loki, Tempo

__all__ = ["LOOK_BACK", "SETTLED", "Telemetry", "Trace", "Unchanged", "errors_of", "telemetry_of"]

LOOK_BACK = 600.0
"""Seconds before now in which a line or an event is looked for."""
SETTLED = 0.6
"""Seconds without a new span after which a trace counts as complete: three times what a service holds spans back."""


@dataclass(frozen=True)
class Trace:
    """The start of a trace, as W3C trace context. ``id`` and ``span_id`` are hexadecimal."""

    id: str
    span_id: str

    @classmethod
    def new(cls) -> "Trace":
        return cls(secrets.token_hex(16), secrets.token_hex(8))

    @property
    def headers(self) -> dict[str, str]:
        """Headers that make a request part of the trace, sampled whatever the service's own sampling ratio is."""
        return {"traceparent": f"00-{self.id}-{self.span_id}-01"}


@dataclass(frozen=True)
class Telemetry:
    """All spans and log lines of one trace."""

    trace_id: str
    spans: list[Span]
    lines: list[LogLine]

    def access_lines(self, service: str) -> list[LogLine]:
        return [line for line in self.of_service(service) if line.fields.get("event") == "http.access"]

    def of_service(self, service: str) -> list[LogLine]:
        return [line for line in self.lines if line.service == service]

    def server_spans(self, service: str) -> list[Span]:
        return [span for span in self.spans if span.service == service and span.kind == "SERVER"]


def telemetry_of(tempo: Tempo, loki: Loki, trace_id: str, *, lines: bool = True, timeout: float = 20.0) -> Telemetry:
    """Wait until a trace is complete (no new span for a while, and each span has its parent) and has log lines.

    ``lines=False`` does not wait for log lines, and returns none. The root of a trace that was continued from elsewhere
    has an unknown parent; it does not count as an orphan.
    """
    unchanged = Unchanged(SETTLED)

    def look() -> list[Span]:
        spans = tempo.trace(trace_id)
        assert spans, f"Tempo has no trace {trace_id}"
        return spans

    def whole(spans: list[Span]) -> bool:
        roots = [span for span in spans if not span.parent_id]
        return unchanged({span.span_id for span in spans}) and len(orphans(spans)) <= (0 if roots else 1)

    spans = eventually(f"the whole trace {trace_id} in Tempo", look, whole, timeout=timeout)
    if not lines:
        return Telemetry(trace_id, spans, [])
    settled = Unchanged(SETTLED)
    found = eventually(
        f"the log lines of trace {trace_id} in Loki",
        lambda: loki.of_trace(trace_id, time.time() - LOOK_BACK),
        lambda some: some and settled({(line.timestamp, line.body) for line in some}),
        timeout=timeout,
    )
    return Telemetry(trace_id, spans, found)


def errors_of(events: Callable[[], list[ErrorEvent]], trace_id: str, *, timeout: float = 20.0) -> list[ErrorEvent]:
    """Wait for the error events with a trace id."""
    return eventually(f"an error event of trace {trace_id}", events, timeout=timeout, interval=0.3)


class Unchanged:
    """Returns whether its argument has stayed the same for the given number of seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.shown: object = None
        self.since = 0.0

    def __call__(self, thing: object) -> bool:
        if thing != self.shown:
            self.shown, self.since = thing, time.monotonic()
        return time.monotonic() - self.since >= self.seconds
