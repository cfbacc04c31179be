"""Telemetry of each request: server span, duration with exemplar, access line, X-Trace-Id, error report.

It wraps the whole middleware stack, so that it sees every response, those of error handlers included.
"""

import logging
from functools import cache
from http import HTTPStatus
from time import perf_counter, time_ns
from typing import Any

from fastapi import FastAPI, WebSocketDisconnect
from opentelemetry.baggage import get_baggage
from opentelemetry.context import Context, attach, detach
from opentelemetry.propagate import extract
from opentelemetry.trace import (
    Span,
    SpanKind,
    StatusCode,
    format_span_id,
    format_trace_id,
    get_tracer,
    set_span_in_context,
)
from prometheus_client import Histogram
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox_telemetry import events, metrics
from sandbox_telemetry.crashes import mark_reported, report_crash
from sandbox_telemetry.logs import AccessLog
from sandbox_telemetry.names import (
    EXEMPLAR_TRACE_ID,
    KNOWN_METHODS,
    OTHER_METHOD,
    SYNTHETIC,
    TRACE_ID_HEADER,
    UNMATCHED_ROUTE,
)
from sandbox_telemetry.policy import exception_type
from sandbox_telemetry.routes import RouteTemplates
from sandbox_telemetry.tracing import HEADER_LINES

log = logging.getLogger("telemetry.access")
_HEADER = TRACE_ID_HEADER.lower().encode()

# Status of a request without a response, because the client disconnected or the server ended the request.
NO_RESPONSE = 499
# Requests by machines, not by people: not traced, counted or written to the access log.
_PROBES = frozenset({"/livez", "/readyz", "/metrics"})
# Key in the scope of the exchange that observes it: an observed application may be mounted in another one.
_EXCHANGE = "telemetry.exchange"
_BODY = frozenset({"http.response.body", "http.response.zerocopysend", "http.response.pathsend"})
# Exceptions that frameworks raise when the client disconnects: not a failure of the service.
_GONE = (ClientDisconnect, WebSocketDisconnect)


class ObservedFastAPI(FastAPI):
    """FastAPI whose whole middleware stack, error handling included, is observed."""

    def __init__(self, access_log: AccessLog, unobserved: tuple[str, ...], **options: Any) -> None:
        own = dict.fromkeys(("tracing", "metrics", "logs", "auto_configure"), False)
        super().__init__(**options | {"telemetry": own})
        self._access_log, self._unobserved = access_log, unobserved

    def build_middleware_stack(self) -> ASGIApp:
        self.user_middleware.append(Middleware(_NotingErrors))
        inner, routes = super().build_middleware_stack(), RouteTemplates(self.routes)
        return RequestTelemetry(inner, self._access_log, routes, self._unobserved)


class RequestTelemetry:
    """Pure ASGI middleware: Starlette's BaseHTTPMiddleware costs more than the rest of this package.

    The server span is created here, although FastAPI can do it since 0.165: this takes a third of the cost, and never
    records the raw path, the query or the Host header.
    """

    def __init__(
        self, app: ASGIApp, access_log: AccessLog, routes: RouteTemplates, unobserved: tuple[str, ...]
    ) -> None:
        self.app, self._access_log, self._routes, self._unobserved = app, access_log, routes, unobserved
        self._tracer = get_tracer(__name__)
        self._active = 0
        metrics.HTTP_SERVER_ACTIVE.set_function(lambda: self._active)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        path = scope["path"]
        if _EXCHANGE in scope or path in _PROBES or path.startswith(self._unobserved):
            await self.app(scope, receive, send)
            return
        parent = _parent(scope)
        span = self._tracer.start_span("HTTP", parent, SpanKind.SERVER)
        token = attach(set_span_in_context(span, parent))
        # FastAPI's marker, which tells mounted applications that the request is already observed. FastAPI's option
        # `exclude` sets it, too, but costs a twentieth of a request.
        scope["fastapi.telemetry"] = None
        scope[_EXCHANGE] = exchange = _Exchange(scope, send, span, self._access_log, self._routes)
        self._active += 1
        try:
            await self.app(scope, receive, exchange.send)
        except Exception as error:
            exchange.report(error)
            if not exchange.complete:
                raise
        finally:
            self._active -= 1
            exchange.finish()
            exchange.end_span()
            detach(token)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.app(scope, receive, send)
        except Exception as error:
            report_crash(error)
            raise


class _NotingErrors:
    """Innermost middleware: records an error before outer middleware may end the response."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.app(scope, receive, send)
        except Exception as error:
            if (exchange := scope.get(_EXCHANGE)) is not None:
                exchange.error = error
            raise


def _parent(scope: Scope) -> Context:
    """Return the caller's context; empty for most requests, so headers are only parsed if there are any to extract."""
    for name, _ in scope["headers"]:
        if name in (b"traceparent", b"baggage"):
            return extract(Headers(scope=scope), Context(), HEADER_LINES)
    return Context()


class _Exchange:
    """One request and its response, or one WebSocket connection from its handshake to its end."""

    def __init__(self, scope: Scope, send: Send, span: Span, access_log: AccessLog, routes: RouteTemplates) -> None:
        self._scope, self._send, self._span, self._access_log, self._routes = scope, send, span, access_log, routes
        self._context = span.get_span_context()
        self._trace_id = format_trace_id(self._context.trace_id) if self._context.is_valid else ""
        # Mounts and routes change these two.
        self._root_path = scope.get("root_path", "")
        self._started = perf_counter()
        self._ended = 0
        self._status = NO_RESPONSE
        self._failure = ""
        self._finished = False
        # The exception that the application raised, handled or not; and whether the last byte has been sent.
        self.error: Exception | None = None
        self.complete = False

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind in ("http.response.start", "websocket.accept", "websocket.http.response.start"):
            # A response of an error handler for a disconnected client reaches nobody.
            if not isinstance(self.error, _GONE):
                self._status = message.get("status", HTTPStatus.SWITCHING_PROTOCOLS.value)
            if self._trace_id:
                message["headers"] = [*message.get("headers", ()), (_HEADER, self._trace_id.encode())]
        elif kind == "websocket.close" and self._status == NO_RESPONSE:
            # If the application closes during the handshake, the server refuses it.
            self._status = HTTPStatus.FORBIDDEN.value
        elif kind in _BODY and not message.get("more_body", False):
            self.complete = True
            if self.error is None:
                # Before sending, not after: if the process is killed in between, no response is without its line.
                self.finish()
        await self._send(message)

    def report(self, error: Exception) -> None:
        """Log an unhandled exception once, unless it means that the client disconnected."""
        mark_reported(error)
        if isinstance(error, _GONE):
            return
        if self._status == NO_RESPONSE:
            # The server's response when an application raises.
            self._status = HTTPStatus.INTERNAL_SERVER_ERROR.value
        if not self._finished:
            self._failure = exception_type(error)
            self.finish()
        if self._failure:
            log.error(events.HTTP_ERROR, exc_info=error, extra=self.labels())
        else:
            # The response has been sent: a background task or the end of a dependency failed.
            log.error(events.TASK_FAILED, exc_info=error, extra=self.labels())
            self._span.add_event("exception", {"exception.type": exception_type(error)})

    def labels(self) -> dict[str, Any]:
        method = self._scope.get("method", "GET")
        return {
            "http_request_method": method if method in KNOWN_METHODS else OTHER_METHOD,
            "http_route": self._routes.of(self._scope, self._root_path),
            "http_response_status_code": self._status,
        }

    def finish(self) -> None:
        """Record metrics and the access line once: when the last byte is sent, or when there will be none."""
        if self._finished:
            return
        self._finished = True
        self._ended = time_ns()
        seconds = perf_counter() - self._started
        if self._status >= 500 and not self._failure:
            self._failure = str(self._status)
        fields = self.labels()
        # The duration of a connection is not a latency.
        if self._scope["type"] == "http":
            exemplar = {EXEMPLAR_TRACE_ID: self._trace_id} if self._context.trace_flags.sampled else None
            _duration_of(*fields.values(), self._failure).observe(seconds, exemplar)
        fields["duration_seconds"] = round(seconds, 6)
        if self._failure:
            fields["error_type"] = self._failure
        if get_baggage(SYNTHETIC) is not None:
            fields[SYNTHETIC] = True
        span_id = format_span_id(self._context.span_id) if self._trace_id else ""
        self._access_log.write(self._trace_id, span_id, fields)

    def end_span(self) -> None:
        """End the span, later than `finish`: background tasks run after the response and belong to the trace."""
        if not self._span.is_recording():
            return
        method, route, status = self.labels().values()
        attributes = {
            "http.request.method": method,
            "http.response.status_code": status,
            "url.scheme": self._scope["scheme"],
            "network.protocol.version": self._scope["http_version"],
        }
        # Span names must be bounded: by the convention, an unknown method is HTTP.
        name = "HTTP" if method == OTHER_METHOD else method
        if route is not UNMATCHED_ROUTE:
            attributes["http.route"] = route
            name = f"{name} {route}"
        if get_baggage(SYNTHETIC) is not None:
            attributes[SYNTHETIC] = True
        if self._failure:
            attributes["error.type"] = self._failure
            self._span.set_status(StatusCode.ERROR)
        self._span.update_name(name)
        self._span.set_attributes(attributes)
        self._span.end(self._ended)


@cache
def _duration_of(method: str, route: str, status: int, failure: str) -> Histogram:
    return metrics.HTTP_SERVER_DURATION.labels(method, route, status, failure)
