"""Requests that the server refuses before it could read them: they never reach the application, but are told of."""

import logging
from http import HTTPStatus

from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, format_trace_id, get_tracer

from telemetry import events, metrics

log = logging.getLogger("telemetry.access")


def report_refusal(status: HTTPStatus) -> str:
    """One line, one count and one server span; returns the trace id for the answer, empty when there is no trace.

    What the client sent is not to be trusted, nor always there: of the request only the answer to it is recorded.
    """
    metrics.HTTP_SERVER_REFUSED.labels(str(status.value)).inc()
    attributes = {"http.response.status_code": status.value}
    with get_tracer(__name__).start_as_current_span("HTTP", Context(), SpanKind.SERVER, attributes) as span:
        log.warning(events.HTTP_REFUSED, extra={"http_response_status_code": status.value})
        context = span.get_span_context()
    return format_trace_id(context.trace_id) if context.is_valid else ""
