"""What happens around each request: server span, duration with exemplar, access line, X-Trace-Id, report of an error.

Runs outside everything else, so that each response passes here, those of error handlers too.
"""

import logging
from functools import cache
from time import perf_counter, time_ns
from typing import Any

from fastapi import FastAPI
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
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from telemetry import events, metrics
from telemetry.logs import AccessLog
from telemetry.policy import exception_type
from telemetry.vocabulary import (
    EXEMPLAR_TRACE_ID,
    KNOWN_METHODS,
    OTHER_METHOD,
    SYNTHETIC,
    TRACE_ID_HEADER,
    UNMATCHED_ROUTE,
    UNOBSERVED_PATHS,
    UNOBSERVED_PREFIXES,
)

log = logging.getLogger("telemetry.access")
_HEADER = TRACE_ID_HEADER.lower().encode()

# What is counted when no response was begun, because the client went away or the server ended the request.
NO_RESPONSE = 499


class ObservedFastAPI(FastAPI):
    """FastAPI whose whole middleware stack, error handling included, is observed."""

    def __init__(self, access_log: AccessLog, **options: Any) -> None:
        super().__init__(**options)
        self._access_log = access_log

    def build_middleware_stack(self) -> ASGIApp:
        return RequestTelemetry(super().build_middleware_stack(), self._access_log)


def is_unobserved(scope: Scope) -> bool:
    return (
        scope["type"] != "http" or (path := scope["path"]) in UNOBSERVED_PATHS or path.startswith(UNOBSERVED_PREFIXES)
    )


class RequestTelemetry:
    """Pure ASGI, because Starlette's BaseHTTPMiddleware costs more than all the rest of this package.

    The server span is made here and not by FastAPI, which can do it since 0.165: a third of the cost, and the raw
    path, the query and the Host header are never recorded in the first place.
    """

    def __init__(self, app: ASGIApp, access_log: AccessLog) -> None:
        self.app, self._access_log = app, access_log
        self._tracer = get_tracer(__name__)
        self._active = 0
        metrics.HTTP_SERVER_ACTIVE.set_function(lambda: self._active)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if is_unobserved(scope):
            await self.app(scope, receive, send)
            return
        parent = _parent(scope)
        span = self._tracer.start_span("HTTP", parent, SpanKind.SERVER)
        token = attach(set_span_in_context(span, parent))
        exchange = _Exchange(scope, send, span, self._access_log)
        self._active += 1
        try:
            await self.app(scope, receive, exchange.send)
        except Exception as error:
            exchange.error = error
            log.error(events.HTTP_ERROR, exc_info=error, extra=exchange.labels())
            if not exchange.finished:
                raise
        finally:
            self._active -= 1
            exchange.finish()
            exchange.end_span()
            detach(token)


def _parent(scope: Scope) -> Context:
    """The caller's context; empty for most requests, so the headers are only unpacked when there is something."""
    for name, _ in scope["headers"]:
        if name in (b"traceparent", b"baggage"):
            return extract(Headers(scope=scope), Context())
    return Context()


class _Exchange:
    """One request and its response."""

    def __init__(self, scope: Scope, send: Send, span: Span, access_log: AccessLog) -> None:
        self._scope, self._send, self._span, self._access_log = scope, send, span, access_log
        self._context = span.get_span_context()
        self._trace_id = format_trace_id(self._context.trace_id) if self._context.is_valid else ""
        self._started = perf_counter()
        self._ended = 0
        self._status = NO_RESPONSE
        self.error: Exception | None = None
        self.finished = False

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            self._status = message["status"]
            if self._trace_id:
                message["headers"] = [*message.get("headers", ()), (_HEADER, self._trace_id.encode())]
        elif kind == "http.response.body" and not message.get("more_body", False):
            # Before, not after: a process that is killed in between must not leave an answer without its line.
            self.finish()
        await self._send(message)

    def labels(self) -> dict[str, Any]:
        method = self._scope["method"]
        return {
            "http_request_method": method if method in KNOWN_METHODS else OTHER_METHOD,
            "http_route": getattr(self._scope.get("route"), "path_format", UNMATCHED_ROUTE),
            "http_response_status_code": self._status,
        }

    def finish(self) -> None:
        """Measure and write the access line, once: when the last byte is handed over, or when there will be none."""
        if self.finished:
            return
        self.finished = True
        self._ended = time_ns()
        seconds = perf_counter() - self._started
        fields = self.labels()
        exemplar = {EXEMPLAR_TRACE_ID: self._trace_id} if self._context.trace_flags.sampled else None
        _duration_of(*fields.values()).observe(seconds, exemplar)
        fields["duration_seconds"] = round(seconds, 6)
        if get_baggage(SYNTHETIC) is not None:
            fields[SYNTHETIC] = True
        span_id = format_span_id(self._context.span_id) if self._trace_id else ""
        self._access_log.write(self._trace_id, span_id, fields)

    def end_span(self) -> None:
        """Later than `finish`, because an error becomes known only after its answer was sent."""
        if not self._span.is_recording():
            return
        method, route, status = self.labels().values()
        attributes = {
            "http.request.method": method,
            "http.response.status_code": status,
            "url.scheme": self._scope["scheme"],
            "network.protocol.version": self._scope["http_version"],
        }
        # An unknown method has no place in a name; the convention is HTTP.
        name = "HTTP" if method == OTHER_METHOD else method
        if route is not UNMATCHED_ROUTE:
            attributes["http.route"] = route
            name = f"{name} {route}"
        if get_baggage(SYNTHETIC) is not None:
            attributes[SYNTHETIC] = True
        if self.error is not None or status >= 500:
            attributes["error.type"] = exception_type(self.error) if self.error else str(status)
            self._span.set_status(StatusCode.ERROR)
        self._span.update_name(name)
        self._span.set_attributes(attributes)
        self._span.end(self._ended)


@cache
def _duration_of(method: str, route: str, status: int) -> Histogram:
    return metrics.HTTP_SERVER_DURATION.labels(method, route, status)
