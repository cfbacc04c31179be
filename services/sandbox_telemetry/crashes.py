"""Unhandled exceptions: log each one once, and drop the server's own lines about the same error."""

import logging
import sys
import threading
from contextlib import suppress
from types import TracebackType
from typing import Any

from pydantic import ValidationError

from sandbox_telemetry import events

log = logging.getLogger("telemetry")
_REPORTED = "_telemetry_reported"
# uvicorn's lines about a failed lifespan (a stack as text, which quotes the exception, and one more line) and about a
# WebSocket (the client's address and path).
_REPEATS = (
    *("Traceback (most recent", "Application startup failed", "Application shutdown failed"),
    *('%s - "WebSocket', "connection open", "connection closed"),
)
# uvicorn logs these for each request that asks for a protocol upgrade; the second is about WebSockets.
_ONCE = ("Unsupported upgrade request", "No supported WebSocket library")
_said: set[str] = set()


def watch(*, repeats: bool) -> None:
    """Log exceptions that end the process or a thread. `repeats` keeps the server's own lines about errors."""
    sys.excepthook = _on_uncaught
    sys.unraisablehook = _on_unraisable
    threading.excepthook = _on_thread_failure
    if not repeats:
        logging.getLogger("uvicorn.error").addFilter(_is_news)


def mark_reported(error: BaseException) -> None:
    """Mark the error as logged, so that the server, which sees it next, does not log it again."""
    with suppress(AttributeError):
        error.__dict__[_REPORTED] = True


def _is_news(record: logging.LogRecord) -> bool:
    """Return False for a server line that repeats an error which already has a line with type, stack and trace."""
    if record.exc_info and record.exc_info[1] is not None:
        return _REPORTED not in getattr(record.exc_info[1], "__dict__", ())
    text = str(record.msg)
    if text.startswith(_ONCE):
        is_first = text not in _said
        _said.add(text)
        return is_first
    return not text.startswith(_REPEATS)


def _on_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not issubclass(kind, KeyboardInterrupt):
        report_crash(error)


def report_crash(error: BaseException) -> None:
    """Log an error that ends the process, or keeps it from starting."""
    mark_reported(error)
    if isinstance(error, ValidationError) and error.title.endswith("Settings"):
        refuse_settings(error)
    else:
        log.critical(events.SERVICE_CRASHED, exc_info=error)


def refuse_settings(error: ValidationError) -> None:
    """Log which variable is wrong and what it may be. Never log the value: it may be a misspelt secret."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    reason = "; ".join(": ".join([*(str(part).upper() for part in e["loc"]), e["msg"]]) for e in problems)
    log.critical(events.SETTINGS_REFUSED, extra={"reason": reason})


def _on_unraisable(unraisable: Any) -> None:
    error = unraisable.exc_value
    log.error(events.TASK_FAILED, exc_info=(unraisable.exc_type, error, unraisable.exc_traceback))


def _on_thread_failure(failure: threading.ExceptHookArgs) -> None:
    if failure.exc_value is not None:
        log.error(events.THREAD_CRASHED, exc_info=(failure.exc_type, failure.exc_value, failure.exc_traceback))
