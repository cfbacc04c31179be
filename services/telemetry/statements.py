"""A span for each database statement: its text with placeholders, never the values.

OpenTelemetry's own listener for SQLAlchemy asks the engine's address anew and sets each attribute by itself; over the
dozen statements of a payment that was a visible part of its cost. Here a statement is described once, and the dialect's
events are used: with a listener to any of the connection's, SQLAlchemy prepares all of them for every statement.
"""

from __future__ import annotations

from collections.abc import Callable
from time import time_ns
from typing import Any, Literal

from sqlalchemy import Engine, event

from telemetry.calls import CallDescription, CallSpans
from telemetry.policy import exception_type

__all__ = ["trace_statements"]

# A service has some tens of statements; one that builds them from values must not fill the memory.
_REMEMBERED = 1024


def trace_statements(engine: Engine) -> None:
    """Record a client span for each statement that `engine` executes from now on, a failed one with its error."""
    spans, dialect = _StatementSpans(engine), engine.dialect
    event.listen(engine, "do_execute", spans.around(dialect.do_execute))
    event.listen(engine, "do_executemany", spans.around(dialect.do_executemany))
    event.listen(engine, "do_execute_no_params", spans.around(dialect.do_execute_no_params))


class _StatementSpans:
    """The spans of one engine's statements."""

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

    def around(self, execute: Callable[..., None]) -> Callable[..., Literal[True]]:
        """A listener that executes a statement itself, as SQLAlchemy lets it, and records the span."""

        def observed(cursor: Any, statement: str, *values_and_context: Any) -> Literal[True]:
            started, context = time_ns(), values_and_context[-1]
            try:
                execute(cursor, statement, *values_and_context)
            except BaseException as error:
                self._calls.record(started, self._failed(statement, context, error))
                raise
            self._calls.record(started, self._described(statement, context))
            return True

        return observed

    def _failed(self, statement: str, context: Any, error: BaseException) -> CallDescription:
        described = self._described(statement, context)
        # Of an asynchronous driver SQLAlchemy hands on a stand-in; the cause is the driver's own.
        attributes = {**described.attributes, "error.type": exception_type(error.__cause__ or error)}
        return CallDescription(described.name, attributes, failed=True)

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
