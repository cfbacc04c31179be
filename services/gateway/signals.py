"""Metrics and events of the gateway, in addition to the shared ones, and the names allowed in browsers' reports."""

from __future__ import annotations

from prometheus_client import Counter

from kit.signals import PEER_RETRY, PEER_UNAVAILABLE, TOKEN_REJECTED
from sandbox_telemetry.events import Event
from sandbox_telemetry.metrics import REGISTRY
from sandbox_telemetry.names import declare

__all__ = ["PEER_RETRY", "PEER_UNAVAILABLE", "TOKEN_REJECTED"]

TOKENS_REJECTED = Counter(
    "tokens_rejected",
    "Access tokens that were refused, by reason; missing means that none was shown.",
    ("reason",),
    registry=REGISTRY,
)
RATE_LIMITED = Counter("rate_limited", "Requests refused because the client sent too many.", registry=REGISTRY)
BROWSER_ERROR_EVENTS = Counter(
    "browser_error_events", "Error events of browsers by outcome.", ("app", "outcome"), registry=REGISTRY
)
BROWSER_SPANS = Counter("browser_spans", "Spans of browsers by outcome.", ("app", "outcome"), registry=REGISTRY)

CLIENT_LIMITED = Event("client.rate_limited", "client sent too many requests")

declare(
    log_fields={
        "limit": "how many requests in which time a client may send",
        "status": "of a payment, in a browser",
    },
    span_attributes={"payment.outcome": "outcome of a payment, as the customer saw it"},
)
