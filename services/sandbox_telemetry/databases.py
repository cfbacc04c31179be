"""Instrumentation of databases: a span for each statement (placeholders, never values), and gauges of the pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from opentelemetry.trace import Span, SpanKind, StatusCode, get_tracer

from sandbox_telemetry import metrics, policy
from sandbox_telemetry.runtime import is_disabled

# For types only: a service without a database, such as the gateway, must not load a database library.
if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.engine import ExceptionContext
    from sqlalchemy.ext.asyncio import AsyncEngine
    from sqlalchemy.pool import QueuePool

# Key under which the execution of a statement keeps its span.
_SPAN = "_telemetry_span"
# Bounds the cache: a service has tens of statements, but one that builds them from values would fill the memory.
_REMEMBERED = 1024


def instrument_database(engine: AsyncEngine) -> AsyncEngine:
    """Add client spans to the statements of `engine`, and gauges of its connection pool. Returns `engine`."""
    if is_disabled():
        return engine
    _trace_statements(engine.sync_engine)
    pool = cast("QueuePool", engine.sync_engine.pool)
    metrics.DB_CONNECTIONS.labels("used").set_function(pool.checkedout)
    metrics.DB_CONNECTIONS.labels("idle").set_function(pool.checkedin)
    metrics.DB_CONNECTIONS_MAX.set(pool.size())
    return engine


def _trace_statements(engine: Engine) -> None:
    from sqlalchemy import event

    tracer, url = get_tracer(__name__), engine.url
    where = {
        "db.system.name": engine.dialect.name,
        "db.namespace": url.database,
        "server.address": url.host,
        "server.port": url.port,
    }
    common = {key: value for key, value in where.items() if value is not None}

    known: dict[str, tuple[str, dict[str, Any]]] = {}

    def described(statement: str, context: Any) -> tuple[str, dict[str, Any]]:
        if (found := known.get(statement)) is None:
            operation, table = (statement.split(maxsplit=1) or [""])[0].upper(), _table_of(context)
            own = {"db.query.text": statement, "db.operation.name": operation, "db.collection.name": table}
            name = f"{operation} {table}".strip() or engine.dialect.name
            found = name, common | {key: value for key, value in own.items() if value}
            if len(known) < _REMEMBERED:
                known[statement] = found
        return found

    def begin(_connection: Any, _cursor: Any, statement: str, _values: Any, context: Any, _many: bool) -> None:
        name, attributes = described(statement, context)
        setattr(context, _SPAN, tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes))

    def end(_connection: Any, _cursor: Any, _statement: str, _values: Any, context: Any, _many: bool) -> None:
        getattr(context, _SPAN).end()

    def fail(failure: ExceptionContext) -> None:
        # SQLAlchemy also calls this for a failed connection, which has no statement, and for rows that cannot be read,
        # whose span has already ended. With an asynchronous driver the exception is a wrapper; its cause is the
        # driver's own error.
        span: Span | None = getattr(failure.execution_context, _SPAN, None)
        if span is not None and span.is_recording():
            error = failure.original_exception
            span.set_attribute("error.type", policy.exception_type(error.__cause__ or error))
            span.set_status(StatusCode.ERROR)
            span.end()

    event.listen(engine, "before_cursor_execute", begin)
    event.listen(engine, "after_cursor_execute", end)
    event.listen(engine, "handle_error", fail)


def _table_of(context: Any) -> str:
    """Return the table that a statement compiled by SQLAlchemy writes to, or the only one that it reads, else "".

    SQL text is not parsed.
    """
    statement = getattr(getattr(context, "compiled", None), "statement", None)
    written = getattr(statement, "table", None)
    read: list[Any] = getattr(statement, "get_final_froms", list)()
    tables = [written] if written is not None else read
    return getattr(tables[0], "name", "") or "" if len(tables) == 1 else ""
