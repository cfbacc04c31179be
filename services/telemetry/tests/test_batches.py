"""Spans that ended leave in batches, soon; none is lost unseen."""

import os
import threading
from collections.abc import Sequence

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import SpanContext, TraceFlags
from pydantic import ValidationError

from telemetry import events, metrics
from telemetry.batches import CountingProcessor


def counted(outcome: str) -> float:
    return metrics.SPANS.labels(outcome)._value.get()


class StuckExporter(SpanExporter):
    """Takes a batch and keeps it until `go_on` is set; remembers the names of what it was given."""

    def __init__(self) -> None:
        self.entered, self.go_on = threading.Event(), threading.Event()
        self.names: list[str] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.names += [span.name for span in spans]
        self.entered.set()
        assert self.go_on.wait(10)
        return SpanExportResult.SUCCESS


class BrokenExporter(SpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        raise ValueError("a span that cannot be written down")


@pytest.fixture
def tiny_queue(monkeypatch):
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "4")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")


def ended(processor: CountingProcessor, *names: str) -> None:
    for name in names:
        sampled = SpanContext(1, 1, False, TraceFlags(TraceFlags.SAMPLED))
        processor.on_end(ReadableSpan(name, sampled, resource=Resource({})))


def test_span_that_finds_the_queue_full_is_counted_as_lost_and_none_is_lost_otherwise(tiny_queue, caplog):
    stuck = StuckExporter()
    processor = CountingProcessor(stuck)
    before = counted("ended"), counted("lost")
    ended(processor, "sent 1", "sent 2")
    assert stuck.entered.wait(10)
    ended(processor, *(f"waits {n}" for n in range(4)), *(f"too much {n}" for n in range(5)))
    assert (counted("ended") - before[0], counted("lost") - before[1]) == (11, 5)
    stuck.go_on.set()
    assert processor.force_flush()
    ended(processor, "after")
    processor.shutdown()
    assert stuck.names == ["sent 1", "sent 2", "waits 0", "waits 1", "waits 2", "waits 3", "after"]
    assert counted("lost") - before[1] == 5
    [line] = [record for record in caplog.records if record.name == "telemetry"]
    assert (str(line.msg), line.count) == (events.TELEMETRY_LOST, 5)


def test_batch_that_the_exporter_fails_on_is_counted_as_lost(tiny_queue, caplog):
    processor = CountingProcessor(BrokenExporter())
    before = counted("lost")
    ended(processor, "a")
    processor.shutdown()
    assert counted("lost") - before == 1
    [line] = [record for record in caplog.records if record.name == "telemetry"]
    assert (str(line.msg), line.count, line.exc_info[0]) == (events.TELEMETRY_LOST, 1, ValueError)


def test_full_batch_leaves_at_once_and_the_rest_when_its_time_has_come(tiny_queue, monkeypatch):
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "60000")
    stuck = StuckExporter()
    stuck.go_on.set()
    processor = CountingProcessor(stuck)
    ended(processor, "a", "b", "c")
    assert stuck.entered.wait(10)
    assert stuck.names == ["a", "b"]
    processor.shutdown()
    assert stuck.names == ["a", "b", "c"]


def test_flush_gives_up_at_its_time_and_what_it_waited_for_is_sent_all_the_same(tiny_queue):
    stuck = StuckExporter()
    processor = CountingProcessor(stuck)
    ended(processor, "a")
    assert stuck.entered.wait(10)
    ended(processor, "b")
    # Nothing frees the exporter, so a flush that did not give up would end this test by its assertion.
    assert not processor.force_flush(50)
    stuck.go_on.set()
    assert processor.force_flush(10_000)
    processor.shutdown()
    assert processor.force_flush(10_000)
    assert stuck.names == ["a", "b"]


def test_span_that_ends_after_the_last_batch_is_counted_as_lost(tiny_queue):
    stuck = StuckExporter()
    stuck.go_on.set()
    processor = CountingProcessor(stuck)
    processor.shutdown()
    before = counted("lost")
    ended(processor, "late")
    assert (stuck.names, counted("lost") - before) == ([], 1)


def test_forked_process_sends_its_own_spans_and_none_of_its_parents(tiny_queue, monkeypatch):
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "60000")
    stuck = StuckExporter()
    stuck.go_on.set()
    processor = CountingProcessor(stuck)
    ended(processor, "parent's")
    if (child := os.fork()) == 0:
        ended(processor, "child's 1", "child's 2")
        sent = stuck.entered.wait(10) and stuck.names == ["child's 1", "child's 2"]
        os._exit(0 if sent else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    processor.shutdown()
    assert stuck.names == ["parent's"]


@pytest.mark.parametrize("name", ["SCHEDULE_DELAY", "MAX_QUEUE_SIZE", "MAX_EXPORT_BATCH_SIZE"])
def test_queue_that_could_hold_nothing_is_refused(monkeypatch, name):
    monkeypatch.setenv(f"OTEL_BSP_{name}", "0")
    with pytest.raises(ValidationError, match=f"otel_bsp_{name.lower()}"):
        CountingProcessor(StuckExporter())
