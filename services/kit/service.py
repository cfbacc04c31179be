"""A service in two calls: `app = create_app("orders")` and `serve("orders.app:app", parse_bind())`."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, format_trace_id, get_tracer

import sandbox_telemetry
from kit import signals
from kit.catalog import team_of
from kit.server import run_server
from kit.web import configure
from sandbox_telemetry.runtime import start
from sandbox_telemetry.tracing import current_trace_id

__all__ = ["create_app", "serve"]

log = logging.getLogger(__name__)


def create_app(service: str, *, ready: Callable[[], Awaitable[None]] | None = None, **options: Any) -> FastAPI:
    """Create an observed application with probes, problem details and a body limit.

    `/readyz` awaits `ready`, which raises while the service is not ready. `options` are those of
    `sandbox_telemetry.create_app` and of FastAPI.
    """
    app = sandbox_telemetry.create_app(service, event_tags=lambda: {"team": team_of(service)}, **options)
    return configure(app, ready=ready, trace_id=current_trace_id)


def serve(app: str, bind: tuple[str, int], *, service: str = "") -> None:
    """Run the application named `package.module:attribute` until SIGTERM. `service` defaults to the package's name.

    Logs are set up before the application is imported, so that an import error is a JSON line, too. Exits with status 1
    if the application does not start.
    """
    own_name = service or app.partition(".")[0]
    runtime = start(own_name, lambda: {"team": team_of(own_name)})
    log.info(signals.SERVICE_STARTING, extra={"bind": f"{bind[0]}:{bind[1]}"})
    try:
        started = run_server(app, bind, report_refusal=report_refusal)
    finally:
        log.info(signals.SERVICE_STOPPED)
        runtime.end()
    if not started:
        raise SystemExit(1)


def report_refusal(status: HTTPStatus) -> str:
    """Record one line, one count and one server span for a request that was refused before it reached the application.

    Returns the trace id for the response, empty if there is no trace. Only the status is recorded: the request's
    content is untrusted and may be incomplete.
    """
    signals.HTTP_SERVER_REFUSED.labels(str(status.value)).inc()
    attributes = {"http.response.status_code": status.value}
    with get_tracer(__name__).start_as_current_span("HTTP", Context(), SpanKind.SERVER, attributes) as span:
        log.warning(signals.HTTP_REFUSED, extra={"http_response_status_code": status.value})
        context = span.get_span_context()
    return format_trace_id(context.trace_id) if context.is_valid else ""
