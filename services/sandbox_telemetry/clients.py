"""Instrumentation of HTTP clients: span, propagation and duration of each outgoing call."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from time import perf_counter
from typing import TYPE_CHECKING, Any

from opentelemetry.propagate import inject
from opentelemetry.trace import SpanKind, StatusCode, format_trace_id, get_tracer, set_span_in_context
from prometheus_client import Histogram

from sandbox_telemetry import metrics, policy
from sandbox_telemetry.names import EXEMPLAR_TRACE_ID, KNOWN_METHODS, OTHER_METHOD
from sandbox_telemetry.runtime import is_disabled

# For types only: a service that passes a client has imported httpx itself.
if TYPE_CHECKING:
    import httpx

_DEFAULT_PORTS = {"http": 80, "https": 443}


def instrument_http_client(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """Add client spans, W3C propagation and a duration histogram to every call of `client`. Returns `client`.

    A span includes the response's body; with `stream=True` it ends when the headers have arrived. httpx's event hooks
    are not used, because httpx does not call them when no response comes.
    """
    if is_disabled():
        return client
    tracer, send = get_tracer(__name__), client.send

    async def observed(request: httpx.Request, **options: Any) -> httpx.Response:
        attributes = _attributes(request)
        method, host = attributes["http.request.method"], attributes.get("server.address", "")
        span = tracer.start_span(method, kind=SpanKind.CLIENT, attributes=attributes)
        # Baggage that is not a valid header is the caller's mistake; the call must not fail because of it.
        with suppress(ValueError):
            inject(request.headers, set_span_in_context(span))
        started, status, error_type = perf_counter(), "", ""
        try:
            response = await send(request, **options)
            status = str(response.status_code)
            span.set_attribute("http.response.status_code", response.status_code)
            return response
        except BaseException as error:
            error_type = policy.exception_type(error)
            raise
        finally:
            context = span.get_span_context()
            exemplar = {EXEMPLAR_TRACE_ID: format_trace_id(context.trace_id)} if context.trace_flags.sampled else None
            _duration_of(method, host, status, error_type).observe(perf_counter() - started, exemplar)
            # The semantic conventions count 4xx as an error of a client span, too.
            if failure := error_type or (status if status >= "400" else ""):
                span.set_attribute("error.type", failure)
                span.set_status(StatusCode.ERROR)
            span.end()

    client.send = observed  # type: ignore[method-assign]  # on this instance only
    return client


def _attributes(request: httpx.Request) -> dict[str, Any]:
    """Return span attributes by the semantic conventions for HTTP clients. A relative URL gives no host or port."""
    url = request.url
    attributes = {
        "http.request.method": request.method if request.method in KNOWN_METHODS else OTHER_METHOD,
        # The raw host, as it is sent: `url.host` decodes international domains, and raises an error for invalid ones.
        "server.address": url.raw_host.decode("ascii", "replace"),
        "server.port": url.port or _DEFAULT_PORTS.get(url.scheme),
    }
    return {key: value for key, value in attributes.items() if value}


@cache
def _duration_of(method: str, host: str, status: str, error_type: str) -> Histogram:
    return metrics.HTTP_CLIENT_DURATION.labels(method, host, status, error_type)
