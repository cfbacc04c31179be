"""Calls to others: HTTP clients and databases."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.trace import format_trace_id, get_current_span

from telemetry import metrics, policy
from telemetry.runtime import is_disabled
from telemetry.vocabulary import EXEMPLAR_TRACE_ID

# Imported by the services that use them: a gateway does not pay for a database library.
if TYPE_CHECKING:
    import httpx
    from sqlalchemy.ext.asyncio import AsyncEngine


def instrument_http_client(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """Client spans, W3C propagation and a duration histogram for every call of `client`, which is returned."""
    if is_disabled():
        return client
    from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor

    HTTPXClientInstrumentor.instrument_client(client)
    send = client.send

    async def measured(request: httpx.Request, **options: Any) -> httpx.Response:
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
            _observe(request, status, error_type, perf_counter() - started)

    client.send = measured
    return client


def _observe(request: httpx.Request, status: str, error_type: str, seconds: float) -> None:
    context = get_current_span().get_span_context()
    exemplar = {EXEMPLAR_TRACE_ID: format_trace_id(context.trace_id)} if context.trace_flags.sampled else None
    labels = (request.method, request.url.host, status, error_type)
    metrics.HTTP_CLIENT_DURATION.labels(*labels).observe(seconds, exemplar)


def instrument_database(engine: AsyncEngine) -> AsyncEngine:
    """A span for each statement (its text with placeholders, never the values) and gauges of the connection pool.

    The instrumentation's engine listener is used alone: its instrumentor would patch SQLAlchemy for the whole process
    and add a span to each borrowing of a connection.
    """
    if is_disabled():
        return engine
    from opentelemetry.instrumentation.sqlalchemy.engine import EngineTracer

    meter = NoOpMeterProvider().get_meter(__name__)
    EngineTracer(trace.get_tracer(__name__), engine.sync_engine, meter.create_up_down_counter("connections"))
    pool = engine.sync_engine.pool
    metrics.DB_CONNECTIONS.labels("used").set_function(pool.checkedout)
    metrics.DB_CONNECTIONS.labels("idle").set_function(pool.checkedin)
    metrics.DB_CONNECTIONS_MAX.set(pool.size())
    return engine
