"""`with capture() as seen:` records what the code inside would have sent: spans, log lines, error events, samples."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import orjson
import sentry_sdk
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sentry_sdk.envelope import Envelope
from sentry_sdk.integrations.logging import EventHandler
from sentry_sdk.transport import Transport

from sandbox_telemetry import metrics, runtime
from sandbox_telemetry.errors import client_options, event_handler
from sandbox_telemetry.exporting import scrub_span


class Captured:
    """Everything recorded so far, after scrubbing: exactly what would leave the process."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter
        self.lines: list[bytes] = []
        self._before = _samples()
        self.error_events: list[dict[str, Any]] = []

    @property
    def spans(self) -> list[ReadableSpan]:
        """Finished spans, ordered by end time."""
        return list(self._exporter.get_finished_spans())

    @property
    def log_lines(self) -> list[dict[str, Any]]:
        """Parsed JSON lines."""
        return [orjson.loads(line) for line in self.lines]

    @property
    def samples(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        """Increase of each sample as {(name, sorted labels): difference}, without unchanged ones."""
        after = _samples()
        return {k: v - self._before.get(k, 0.0) for k, v in after.items() if v != self._before.get(k, 0.0)}

    def sample(self, name: str, **labels: str) -> float:
        """Increase of the samples called `name` that have at least these labels."""
        wanted = set(labels.items())
        return sum(v for (n, ls), v in self.samples.items() if n == name and wanted <= set(ls))


def _samples() -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in metrics.REGISTRY.collect()
        for sample in family.samples
    }


class _ListTransport(Transport):
    def __init__(self, events: list[dict[str, Any]]) -> None:
        super().__init__()
        self._events = events

    def capture_envelope(self, envelope: Envelope) -> None:
        if (event := envelope.get_event()) is not None:
            self._events.append(dict(event))


@contextmanager
def _captured_events(events: list[dict[str, Any]]) -> Iterator[logging.Handler]:
    current = runtime.start_for_tests()
    scope = sentry_sdk.get_global_scope()
    before = scope.client
    options = client_options(current.service, current.settings, current.event_tags) | {
        "dsn": "http://test@127.0.0.1:9/1"
    }
    scope.set_client(sentry_sdk.Client(**options, transport=_ListTransport(events)))
    handler = event_handler()
    try:
        yield handler
    finally:
        scope.set_client(before)


class _Tap(SpanProcessor):
    """A processor that stays on the provider, which cannot remove one, and passes finished spans to active captures."""

    def __init__(self) -> None:
        self.exporter: InMemorySpanExporter | None = None

    def on_end(self, span: ReadableSpan) -> None:
        if self.exporter is not None and span.context.trace_flags.sampled:
            self.exporter.export([scrub_span(span)])


@cache
def _tap() -> _Tap:
    tap = _Tap()
    runtime.start_for_tests().tracer_provider.add_span_processor(tap)
    return tap


@contextmanager
def capture() -> Iterator[Captured]:
    """Record what happens inside the block, in this process."""
    exporter = InMemorySpanExporter()
    current = runtime.start_for_tests()
    captured = Captured(exporter)
    root = logging.getLogger()
    with _captured_events(captured.error_events) as event_handler:
        # During a capture, an ERROR line becomes an event here, and none is sent to a real error tracker.
        replaced = [handler for handler in root.handlers if isinstance(handler, EventHandler)]
        _tap().exporter = exporter
        _swap(root, replaced, [event_handler])
        current.logs.writer.listeners.append(captured.lines.append)
        try:
            yield captured
        finally:
            current.logs.writer.listeners.clear()
            _swap(root, [event_handler], replaced)
            _tap().exporter = None


def _swap(logger: logging.Logger, old: Sequence[logging.Handler], new: Sequence[logging.Handler]) -> None:
    for handler in old:
        logger.removeHandler(handler)
    for handler in new:
        logger.addHandler(handler)
