"""A span for each database statement: its text with placeholders, never the values.

OpenTelemetry's own listener for SQLAlchemy asks the engine's address anew and sets each attribute by itself; over the
dozen statements of a payment that was a visible part of its cost. Here a statement is described once.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, event

from telemetry.calls import CallDescription, CallSpans
from telemetry.policy import exception_type

__all__ = ["trace_statements"]

# A service has some tens of statements; one that builds them from values must not fill the memory.
_REMEMBERED = 1024


def trace_statements(engine: Engine) -> None:
    """Record a client span for each statement that `engine` executes from now on, a failed one with its error."""
    spans = _StatementSpans(engine)
    event.listen(engine, "before_cursor_execute", spans.begin)
    event.listen(engine, "after_cursor_execute", spans.end)
    event.listen(engine, "handle_error", spans.fail)


class _StatementSpans:
    """The listeners of one engine. What is under way is kept in SQLAlchemy's context of its execution."""

    def __init__(self, engine: Engine) -> None:
        url = engine.url
        common = {
            "db.system.name": engine.dialect.name,
            "db.namespace": url.database,
            "server.address": url.host,
            "server.port": url.port,
        }
        self._common: dict[str, Any] = {key: value for key, value in common.items() if value is not None}
        self._calls = CallSpans(__name__)
        self._known: dict[str, CallDescription] = {}

    def begin(self, _connection: Any, _cursor: Any, _statement: str, _values: Any, context: Any, _many: bool) -> None:
        context.telemetry_call = self._calls.begin()

    def end(self, _connection: Any, _cursor: Any, statement: str, _values: Any, context: Any, _many: bool) -> None:
        call, context.telemetry_call = context.telemetry_call, None
        self._calls.end(call, self._described(statement, context))

    def fail(self, failure: Any) -> None:
        context = failure.execution_context
        # Nothing is under way where there is no connection, or once the statement is done and its rows are fetched.
        if (call := getattr(context, "telemetry_call", None)) is None:
            return
        described, error = self._described(failure.statement, context), failure.original_exception
        # Of an asynchronous driver SQLAlchemy hands on a stand-in; the cause is the driver's own.
        attributes = {**described.attributes, "error.type": exception_type(error.__cause__ or error)}
        self._calls.end(call, CallDescription(described.name, attributes, failed=True))

    def _described(self, statement: str, context: Any) -> CallDescription:
        """A statement's span, by the semantic conventions for databases."""
        if (known := self._known.get(statement)) is not None:
            return known
        operation = (statement.split(maxsplit=1) or [""])[0].upper()
        table = _table_of(context)
        attributes = {**self._common, "db.query.text": statement}
        if operation:
            attributes["db.operation.name"] = operation
        if table:
            attributes["db.collection.name"] = table
        found = CallDescription(f"{operation} {table}".strip() or str(self._common["db.system.name"]), attributes)
        if len(self._known) < _REMEMBERED:
            self._known[statement] = found
        return found


def _table_of(context: Any) -> str:
    """The one table that a statement of SQLAlchemy's own making writes to or reads from; nothing is parsed."""
    statement = getattr(getattr(context, "compiled", None), "statement", None)
    written = getattr(statement, "table", None)
    read: list[Any] = getattr(statement, "get_final_froms", list)()
    tables = [written] if written is not None else read
    return getattr(tables[0], "name", "") or "" if len(tables) == 1 else ""
