"""Observability for a service in one call: `app = create_app("payments")`, then `serve("payments.app:app", bind)`."""

import logging
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from telemetry import events, metrics
from telemetry.app import create_app, serve
from telemetry.clients import instrument_http_client
from telemetry.databases import instrument_database
from telemetry.tracing import current_traceparent

if TYPE_CHECKING:
    from telemetry.testing import Captured

__all__ = [
    "capture",
    "create_app",
    "current_traceparent",
    "events",
    "get_logger",
    "instrument_database",
    "instrument_http_client",
    "metrics",
    "serve",
]


def get_logger(name: str) -> logging.Logger:
    """The standard library's logger: `log.info(events.PAYMENT_AUTHORISED, extra={"payment_id": id})`."""
    return logging.getLogger(name)


def capture() -> AbstractContextManager["Captured"]:
    """For tests: `with capture() as seen:` then `seen.spans`, `seen.log_lines`, `seen.error_events`, `seen.samples`."""
    from telemetry import testing

    return testing.capture()
