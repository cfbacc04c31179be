"""Spans that ended wait here, and leave in batches from a thread of their own.

As the SDK's batch processor does it, by the same variables. That one drops its oldest span when it is full and tells
nobody, and asks the operating system with each span which process this is; a payment has a dozen spans.
"""

import logging
import os
import threading
from collections import deque

from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from telemetry import events, metrics
from telemetry.calls import CallSpan

__all__ = ["CountingProcessor", "QueueSettings"]

log = logging.getLogger("telemetry")

# A process that ends waits this long for its last batch.
_SHUTDOWN_SECONDS = 30.0


class QueueSettings(BaseSettings):
    """The OTEL_BSP_* variables: milliseconds, and numbers of spans. Sooner and more than the SDK's own defaults."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    otel_bsp_schedule_delay: float = Field(default=200, gt=0)
    otel_bsp_max_queue_size: int = Field(default=8_192, gt=0)
    otel_bsp_max_export_batch_size: int = Field(default=512, gt=0)


class CountingProcessor(SpanProcessor):
    """Counts spans that ended, and those that found the queue full: what neither arrived nor waits is visible."""

    _count_ended = staticmethod(metrics.SPANS.labels("ended").inc)

    def __init__(self, exporter: SpanExporter) -> None:
        settings = QueueSettings()
        self._exporter = exporter
        self._delay = settings.otel_bsp_schedule_delay / 1_000
        self._limit = settings.otel_bsp_max_queue_size
        self._batch = min(settings.otel_bsp_max_export_batch_size, self._limit)
        self._begin()
        # Threads do not survive a fork, and the parent sends what waited in it.
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._queue: deque[ReadableSpan] = deque()
        self._refused, self._refusing = 0, threading.Lock()
        self._due, self._flushes = threading.Event(), deque[threading.Event]()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="spans", daemon=True)
        self._thread.start()

    def on_end(self, span: ReadableSpan) -> None:
        # A call that is not sampled has no span, and a call's span is not looked into yet.
        if not isinstance(span, CallSpan) and not span.context.trace_flags.sampled:
            return
        self._count_ended()
        waiting = len(self._queue)
        if waiting >= self._limit or self._stopped:
            self._refuse()
            return
        self._queue.append(span)
        if waiting + 1 >= self._batch and not self._due.is_set():
            self._due.set()

    def _refuse(self) -> None:
        metrics.SPANS.labels("lost").inc()
        with self._refusing:
            self._refused += 1

    def _run(self) -> None:
        while not self._stopped:
            in_time = self._due.wait(self._delay)
            self._due.clear()
            flushes = [self._flushes.popleft() for _ in range(len(self._flushes))]
            self._export(everything=bool(flushes) or not in_time)
            for done in flushes:
                done.set()
        self._export(everything=True)

    def _export(self, everything: bool) -> None:
        """Hand over full batches, and the rest as well if asked for; what is added meanwhile waits for the next."""
        with suppress_instrumentation():
            left = len(self._queue)
            while left >= self._batch or (everything and left):
                count = min(left, self._batch)
                self._hand_over([self._queue.popleft() for _ in range(count)])
                left -= count

    def _hand_over(self, spans: list[ReadableSpan]) -> None:
        if self._refused:
            # Said from this thread and once a batch: in an overload, requests have better things to do.
            with self._refusing:
                refused, self._refused = self._refused, 0
            log.warning(events.TELEMETRY_LOST, extra={"count": refused, "reason": "queue full"})
        try:
            self._exporter.export(spans)
        except Exception:
            metrics.SPANS.labels("lost").inc(len(spans))
            log.exception(events.TELEMETRY_LOST, extra={"count": len(spans), "reason": "exporter failed"})

    def shutdown(self) -> None:
        self._stopped = True
        self._due.set()
        self._thread.join(_SHUTDOWN_SECONDS)
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Whether all that had ended was handed over in time. What was not is still sent."""
        done = threading.Event()
        self._flushes.append(done)
        self._due.set()
        return self._stopped or done.wait(timeout_millis / 1_000)
