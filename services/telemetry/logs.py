"""Log lines: one JSON object each, the same for our code and for libraries, on stdout and in the collector's folder."""

import logging
import os
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import CodeType, TracebackType
from typing import Any

import orjson
from opentelemetry.trace import INVALID_SPAN_ID, format_span_id, format_trace_id, get_current_span
from pydantic import ValidationError
from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.orjson import OrjsonFormatter

from telemetry import events, metrics, policy
from telemetry.events import Event
from telemetry.settings import TelemetrySettings
from telemetry.vocabulary import LOG_SPAN_ID, LOG_TRACE_ID

# Loggers whose INFO lines tell the story of a request a second time, or quote what must not be quoted.
_QUIET = ("httpx", "httpcore", "asyncio", "sqlalchemy", "urllib3", "opentelemetry", "sentry_sdk", "alembic.runtime")
# Loggers whose text arguments are file names, addresses and versions: kept, after the patterns.
_TRUSTED = ("uvicorn", "alembic", "py.warnings")

# Of each exception, the last ones; together short enough for a line of Loki's.
MAX_FRAMES = 30
MAX_STACK = 20_000

log = logging.getLogger("telemetry")


class LineFormat:
    """Builds the object of a line: the mandatory fields of the vocabulary in their order, then what is special."""

    def __init__(self, service: str, settings: TelemetrySettings) -> None:
        self._static = {
            "service": service,
            "environment": settings.deployment_environment.value,
            "version": settings.service_version,
        }
        self._second = (0, "")

    def build(self, created: float, level: str, message: str, trace_id: str, span_id: str) -> dict[str, Any]:
        return {
            "timestamp": self._timestamp(created),
            "level": level,
            "message": message,
            **self._static,
            LOG_TRACE_ID: trace_id,
            LOG_SPAN_ID: span_id,
        }

    def _timestamp(self, created: float) -> str:
        second = int(created)
        if self._second[0] != second:
            self._second = (second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)))
        return f"{self._second[1]}.{int((created - second) * 1_000_000):06d}Z"


class JsonLineFormatter(OrjsonFormatter):
    """A log record as one line of JSON, scrubbed."""

    def __init__(self, line_format: LineFormat) -> None:
        super().__init__(reserved_attrs=[*RESERVED_ATTRS, "taskName", "color_message"])
        self._format = line_format

    def format(self, record: logging.LogRecord) -> str:
        trace_id, span_id = current_ids()
        line = self._format.build(record.created, record.levelname, message_of(record), trace_id, span_id)
        line["logger"] = record.name
        if isinstance(record.msg, Event):
            line["event"] = record.msg.name
        for key, value in record.__dict__.items():
            if key not in self.reserved_attrs and not key.startswith("_"):
                line[key] = policy.log_field(key, value)
        if record.exc_info and record.exc_info[1] is not None:
            line["error_type"] = policy.exception_type(record.exc_info[1])
            line["stack_trace"] = stack_trace(record.exc_info[1])
        return self.jsonify_log_record(line)


def current_ids() -> tuple[str, str]:
    """Trace id and span id of the current span in hexadecimal; two empty strings outside a span."""
    context = get_current_span().get_span_context()
    if context.span_id == INVALID_SPAN_ID:
        return "", ""
    return format_trace_id(context.trace_id), format_span_id(context.span_id)


def message_of(record: logging.LogRecord) -> str:
    """The record's text by the policy: events as they are, other people's templates with harmless arguments only."""
    if isinstance(record.msg, Event):
        return record.msg
    return policy.scrub_text(_template(record).strip())


def _template(record: logging.LogRecord) -> str:
    if isinstance(record.msg, BaseException) and not record.name.startswith(_TRUSTED):
        return policy.exception_type(record.msg)
    if record.exc_info:
        # What follows the first line quotes the exception; type and stack have fields of their own.
        return str(record.msg).partition("\n")[0]
    if record.args and not record.name.startswith(_TRUSTED):
        arguments = record.args.values() if isinstance(record.args, dict) else record.args
        if not all(isinstance(argument, int | float) for argument in arguments):
            return str(record.msg)
    try:
        return record.getMessage()
    except (TypeError, ValueError):
        return str(record.msg)


def stack_trace(error: BaseException) -> str:
    """Frames and types of the exception and its causes, oldest last call first; no messages, no values."""
    parts: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen and len(seen) < 5:
        seen.add(id(current))
        parts.append(_frames(current.__traceback__) + policy.exception_type(current))
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return "\n\nwhich was caused by\n\n".join(parts)[:MAX_STACK]


def _frames(entry: TracebackType | None) -> str:
    texts: deque[str] = deque(maxlen=MAX_FRAMES)
    while entry is not None:
        texts.append(_frame(entry.tb_frame.f_code, entry.tb_lasti, entry.tb_lineno))
        entry = entry.tb_next
    return "".join(texts)


# A service fails in the same places again and again. Looking for the column that the standard library underlines, and
# for what looks personal, takes longer than all else about a line.
@lru_cache(maxsize=2048)
def _frame(code: CodeType, instruction: int, line: int) -> str:
    """A frame as the standard library writes it, by the policy: its line of source can hold what looks personal."""
    _, end_line, column, end_column = next(islice(code.co_positions(), instruction // 2, None))
    summary = traceback.FrameSummary(
        code.co_filename, line, code.co_name, end_lineno=end_line, colno=column, end_colno=end_column
    )
    return policy.scrub_text("".join(traceback.StackSummary.from_list([summary]).format()))


class LineWriter:
    """Writes each line to stdout and to the file that the collector follows.

    One unbuffered write each, so that a killed process loses no line. Rotated by size; `listeners` get every line.
    """

    def __init__(self, path: Path | None, settings: TelemetrySettings, line_format: LineFormat) -> None:
        self._format = line_format
        self._lock = threading.Lock()
        self._limit = settings.log_max_bytes
        self._size = 0
        self._file: RotatingFileHandler | None = None
        self.listeners: list[Callable[[bytes], None]] = []
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = RotatingFileHandler(path, backupCount=settings.log_backups)
            self._size = path.stat().st_size

    def write(self, line: bytes) -> None:
        with self._lock:
            # One after the other: a full disk must not silence stdout, nor a closed stdout the file.
            for write in (self._append, _to_stdout):
                try:
                    write(line)
                except OSError as error:
                    self.complain(error)
        for listener in self.listeners:
            listener(line)

    def complain(self, error: Exception) -> None:
        """A line that cannot be written must not fail the request; stderr is what is left."""
        line = self._format.build(time.time(), "ERROR", str(events.TELEMETRY_LOST), *current_ids())
        line |= {"logger": log.name, "event": events.TELEMETRY_LOST.name, "error_type": policy.exception_type(error)}
        with suppress(OSError):
            sys.stderr.write(orjson.dumps(line).decode() + "\n")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _append(self, line: bytes) -> None:
        if self._file is None or self._file.stream is None:
            return
        self._size += len(line)
        if self._size > self._limit:
            self._file.doRollover()
            self._size = len(line)
        os.write(self._file.stream.fileno(), line)


def _to_stdout(line: bytes) -> None:
    os.write(1, line)


class LineHandler(logging.Handler):
    """The standard library's way to the writer."""

    def __init__(self, writer: LineWriter) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._writer.write(self.format(record).encode() + b"\n")
            metrics.LOG_LINES.labels(record.levelname).inc()
        except Exception as error:
            self._writer.complain(error)


class AccessLog:
    """The one line per request, written past the `logging` module, which costs more than the line itself."""

    def __init__(self, line_format: LineFormat, writer: LineWriter) -> None:
        self._format, self._writer = line_format, writer
        self._count = metrics.LOG_LINES.labels("INFO").inc

    def write(self, trace_id: str, span_id: str, fields: dict[str, Any]) -> None:
        """`fields` must be bounded values of ours (route template, known method, status): they are not scrubbed."""
        line = self._format.build(time.time(), "INFO", str(events.HTTP_ACCESS), trace_id, span_id)
        line["logger"] = "telemetry.access"
        line["event"] = events.HTTP_ACCESS.name
        line |= fields
        self._writer.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        self._count()


@dataclass(frozen=True)
class Logs:
    writer: LineWriter
    access: AccessLog


def setup_logs(service: str, settings: TelemetrySettings) -> Logs:
    """Route every logger, warnings and uncaught exceptions of this process through one writer."""
    path = settings.log_directory / f"{service}.jsonl" if settings.log_directory else None
    line_format = LineFormat(service, settings)
    writer = LineWriter(path, settings, line_format)
    handler = LineHandler(writer)
    handler.setFormatter(JsonLineFormatter(line_format))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(settings.log_level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    # Complains about each header that a client got wrong; clients must not be able to fill the log.
    logging.getLogger("opentelemetry.baggage").setLevel(logging.ERROR)
    logging.captureWarnings(True)
    sys.excepthook = _on_uncaught
    sys.unraisablehook = _on_unraisable
    threading.excepthook = _on_thread_failure
    return Logs(writer, AccessLog(line_format, writer))


def _on_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    if isinstance(error, ValidationError) and error.title.endswith("Settings"):
        refuse_settings(error)
    else:
        log.critical(events.SERVICE_CRASHED, exc_info=(kind, error, trace))


def refuse_settings(error: ValidationError) -> None:
    """Say which variable is wrong and what it may be, without the value: it may be a secret that was misspelt."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    reason = "; ".join(": ".join([*(str(part).upper() for part in e["loc"]), e["msg"]]) for e in problems)
    log.critical(events.SETTINGS_REFUSED, extra={"reason": reason})


def _on_unraisable(unraisable: Any) -> None:
    error = unraisable.exc_value
    log.error(events.TASK_FAILED, exc_info=(unraisable.exc_type, error, unraisable.exc_traceback))


def _on_thread_failure(failure: threading.ExceptHookArgs) -> None:
    if failure.exc_value is not None:
        log.error(events.THREAD_CRASHED, exc_info=(failure.exc_type, failure.exc_value, failure.exc_traceback))
