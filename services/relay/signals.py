"""Metrics and events of the relay. They have their own registry and page."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from sandbox_telemetry.events import Event
from sandbox_telemetry.names import declare

REGISTRY = CollectorRegistry()

ALERTS = Counter("relay_alerts", "Alerts by outcome.", ("alert", "outcome"), registry=REGISTRY)
BUILD_INFO = Gauge(
    "build_info", "Always 1; the labels say what runs.", ("service", "version", "environment"), registry=REGISTRY
)

ALERT_LOST = Event("alert.lost", "alert not delivered")
ALERT_REFUSED = Event("alert.refused", "alert refused")

declare(log_fields={"alert": "name of an alert", "issue": "number of an issue in the error tracker"})
