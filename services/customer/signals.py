"""Metrics and events of the customer, which measures from outside. They have their own registry and page."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from sandbox_telemetry.events import Event
from sandbox_telemetry.names import declare

REGISTRY = CollectorRegistry()

_BUCKETS = (0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0)

JOURNEYS = Counter("synthetic_journeys", "Complete journeys by outcome.", ("outcome",), registry=REGISTRY)
JOURNEY_DURATION = Histogram(
    "synthetic_journey_duration",
    "Time of a journey that succeeded, from log-in to log-out.",
    unit="seconds",
    buckets=_BUCKETS,
    registry=REGISTRY,
)
STEPS = Counter("synthetic_steps", "Steps of journeys by outcome.", ("step", "outcome"), registry=REGISTRY)
STEP_DURATION = Histogram(
    "synthetic_step_duration",
    "Time from a request to the end of its answer.",
    ("step",),
    unit="seconds",
    buckets=_BUCKETS,
    registry=REGISTRY,
)
LAST_SUCCESS = Gauge(
    "synthetic_last_success_timestamp", "When a journey last succeeded.", unit="seconds", registry=REGISTRY
)
PAUSED = Gauge("synthetic_paused", "1 while the customer has been told to pause.", registry=REGISTRY)

for _outcome in ("success", "failure"):
    JOURNEYS.labels(_outcome)

JOURNEY_WAITING = Event("journey.waiting", "waiting for the first journey to succeed")
JOURNEY_FAILED = Event("journey.failed", "synthetic journey failed")
JOURNEY_BROKEN = Event("journey.broken", "synthetic journey broke down")

declare(
    log_fields={
        "failed_trace_id": "trace of the answer at which a journey ended",
        "step": "step of a journey",
    }
)
