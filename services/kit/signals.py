"""Metrics, events and fields that several services share, in addition to those of the telemetry package."""

from __future__ import annotations

from prometheus_client import Counter

from sandbox_telemetry.events import Event
from sandbox_telemetry.metrics import REGISTRY
from sandbox_telemetry.names import declare

HTTP_SERVER_REFUSED = Counter(
    "http_server_refused",
    "Requests refused before they could be read: no HTTP (400), too slow (408), a head that is too large (431).",
    ("http_response_status_code",),
    registry=REGISTRY,
)

SERVICE_STARTING = Event("service.starting", "service starting")
SERVICE_STOPPED = Event("service.stopped", "service stopped")
HTTP_REFUSED = Event("http.refused", "request refused before it could be read")
DOCTOR_PROBED = Event("doctor.probed", "probe of make doctor")
MIGRATED = Event("database.migrated", "database migrated")
DATABASE_UNAVAILABLE = Event("database.unavailable", "database unavailable")
PEER_UNAVAILABLE = Event("peer.unavailable", "peer unavailable")
PEER_RETRY = Event("peer.retry", "call to peer failed, trying again")
TOKEN_REJECTED = Event("token.rejected", "bearer token rejected")

declare(
    log_fields={
        "attempt": "number of the attempt, from 1",
        "bind": "address and port that a service listens on",
        "migration": "newest revision of a schema",
        "peer": "name of a service that is called",
        "session_id": "the session's id",
        "user_id": "the account's id",
        "wait_seconds": "how long is waited",
    }
)
