"""What the relay counts and logs. On a page of its own, as all that it has."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from sandbox_telemetry.events import Event
from sandbox_telemetry.names import declare

REGISTRY = CollectorRegistry()

ALERTS = Counter("relay_alerts", "Alerts by what became of them.", ("alert", "outcome"), registry=REGISTRY)
BUILD_INFO = Gauge(
    "build_info", "Always 1; the labels say what runs.", ("service", "version", "environment"), registry=REGISTRY
)

ALERT_LOST = Event("alert.lost", "alert not delivered")
ALERT_REFUSED = Event("alert.refused", "alert refused")

declare(log_fields={"alert": "name of an alert", "issue": "number of an issue in the error tracker"})
