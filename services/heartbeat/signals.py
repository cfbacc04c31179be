"""Metrics and events of the heartbeat. They have their own registry and page."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge

from sandbox_telemetry.events import Event
from sandbox_telemetry.names import declare

REGISTRY = CollectorRegistry()

LAST_SEEN = Gauge(
    "heartbeat_last_seen_timestamp",
    "When alerting last gave a sign of life.",
    unit="seconds",
    registry=REGISTRY,
)
SILENT = Gauge("heartbeat_silent", "1 while alerting has given no sign of life for too long.", registry=REGISTRY)

MAIL_SENT = Event("mail.sent", "mail was sent")
MAIL_REFUSED = Event("mail.refused", "mail was not taken")

declare(log_fields={"subject": "subject of a mail of the heartbeat, which is one of two"})
