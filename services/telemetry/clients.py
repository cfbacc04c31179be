"""Calls to others: HTTP clients and databases."""

from __future__ import annotations

from contextlib import suppress
from functools import cache, lru_cache
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast

from opentelemetry.propagate import inject
from opentelemetry.trace import NonRecordingSpan, format_trace_id, set_span_in_context
from prometheus_client import Histogram

from telemetry import metrics, policy
from telemetry.calls import CallDescription, CallSpans
from telemetry.runtime import is_disabled
from telemetry.vocabulary import EXEMPLAR_TRACE_ID, KNOWN_METHODS, OTHER_METHOD

# Imported by the services that use them: a gateway does not pay for a database library.
if TYPE_CHECKING:
    import httpx
    from sqlalchemy.ext.asyncio import AsyncEngine
    from sqlalchemy.pool import QueuePool

_DEFAULT_PORTS = {"http": 80, "https": 443}


def instrument_http_client(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """Client spans, W3C propagation and a duration histogram for every call of `client`, which is returned.

    A span lasts until the answer's head is there; with `stream=True` its body is not in it.
    """
    if is_disabled():
        return client
    calls, send = CallSpans(__name__), client.send

    async def observed(request: httpx.Request, **options: Any) -> httpx.Response:
        call = calls.begin()
        # Baggage that cannot be written as a header is the caller's mistake, and no reason to fail the call.
        with suppress(ValueError):
            inject(request.headers, set_span_in_context(NonRecordingSpan(call.context)))
        started = perf_counter()
        status, error_type = "", ""
        try:
            response = await send(request, **options)
            status = str(response.status_code)
            return response
        except BaseException as error:
            error_type = policy.exception_type(error)
            raise
        finally:
            method, url = request.method if request.method in KNOWN_METHODS else OTHER_METHOD, request.url
            # As it is sent: `url.host` decodes an international domain, and fails on what only looks like one.
            host = url.raw_host.decode("ascii", "replace")
            exemplar = {EXEMPLAR_TRACE_ID: format_trace_id(call.context.trace_id)} if call.is_recorded else None
            _duration_of(method, host, status, error_type).observe(perf_counter() - started, exemplar)
            # Of a call, an answer of 4xx is a failure as well: it is the convention's, and the caller did not want it.
            failure = error_type or (status if status >= "400" else "")
            calls.end(call, _described(method, host, url.port or _DEFAULT_PORTS.get(url.scheme), status, failure))

    client.send = observed  # type: ignore[method-assign]  # this client's, not the class's
    return client


# A service calls a few others; one whose addresses are made from values must not fill the memory.
@lru_cache(maxsize=256)
def _described(method: str, host: str, port: int | None, status: str, failure: str) -> CallDescription:
    """A call's span, by the semantic conventions for HTTP clients. An address that is relative has no host or port."""
    attributes: dict[str, str | int] = {"http.request.method": method}
    if host:
        attributes["server.address"] = host
    if port:
        attributes["server.port"] = port
    if status:
        attributes["http.response.status_code"] = int(status)
    if failure:
        attributes["error.type"] = failure
    return CallDescription(method, attributes, failed=bool(failure))


@cache
def _duration_of(method: str, host: str, status: str, error_type: str) -> Histogram:
    return metrics.HTTP_CLIENT_DURATION.labels(method, host, status, error_type)


def instrument_database(engine: AsyncEngine) -> AsyncEngine:
    """A span for each statement (its text with placeholders, never the values) and gauges of the connection pool."""
    if is_disabled():
        return engine
    from telemetry.statements import trace_statements

    trace_statements(engine.sync_engine)
    pool = cast("QueuePool", engine.sync_engine.pool)
    metrics.DB_CONNECTIONS.labels("used").set_function(pool.checkedout)
    metrics.DB_CONNECTIONS.labels("idle").set_function(pool.checkedin)
    metrics.DB_CONNECTIONS_MAX.set(pool.size())
    return engine
