"""A burst of errors is kept, and events that do not reach the tracker are counted by cause."""

import logging
import traceback

import pytest
import sentry_sdk

from sandbox_telemetry.errors import Throttle, client_options, outcome_of_drop
from sandbox_telemetry.logs import stack_trace
from sandbox_telemetry.settings import TelemetrySettings


def test_as_many_events_as_are_let_through_at_once_wait_for_a_slow_tracker(collector) -> None:
    throttle, line = Throttle(per_second=0.0), logging.makeLogRecord({"levelno": logging.ERROR})
    let_through = [n for n in range(1_000) if throttle.filter(line)]
    assert len(let_through) == 500
    address = collector.url.replace("//", "//key@") + "/1"
    client = sentry_sdk.Client(**client_options("shop", TelemetrySettings(sentry_dsn=address)))
    collector.delay = 2.0
    for _ in let_through:
        client.capture_event({"level": "error"})
    collector.delay = 0.0
    client.close(timeout=30.0)
    assert len(collector.events) == 500


def test_stack_trace_shows_the_frames_as_python_does() -> None:
    """Repeatedly in one place, as a service fails, and in another: cached frames are not mixed up."""

    def fails(value: int) -> None:
        raise ValueError(10 // value)

    for value in (1, 1, 0, 1):
        with pytest.raises((ValueError, ZeroDivisionError)) as caught:
            fails(value)
        frames = "".join(traceback.format_tb(caught.value.__traceback__))
        assert stack_trace(caught.value) == frames + type(caught.value).__name__


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        ("status_429", "throttled"),
        ("self_rate_limits", "throttled"),
        ("status_500", "lost"),
        ("network_error", "lost"),
        ("full_queue", "lost"),
    ],
)
def test_event_over_the_trackers_cap_counts_as_throttled_and_any_other_as_lost(reason: str, outcome: str) -> None:
    assert outcome_of_drop(reason) == outcome
