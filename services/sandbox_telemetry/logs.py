"""Log lines: one JSON object each, for our code and libraries, on stdout and in the folder that the collector reads."""

import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from numbers import Number
from pathlib import Path
from typing import Any

import orjson
from opentelemetry.trace import INVALID_SPAN_ID, format_span_id, format_trace_id, get_current_span
from pydantic import ValidationError
from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.orjson import OrjsonFormatter

from sandbox_telemetry import crashes, events, metrics, policy
from sandbox_telemetry.events import Event
from sandbox_telemetry.logfile import LogFile
from sandbox_telemetry.names import LOG_SPAN_ID, LOG_TRACE_ID, OWN_FIELDS
from sandbox_telemetry.settings import TelemetrySettings, service_name
from sandbox_telemetry.stacks import stack_trace

# Loggers whose INFO lines repeat what the access line contains, or contain personal data.
_QUIET = (
    *("httpx", "httpcore", "asyncio", "sqlalchemy", "urllib3", "opentelemetry", "sentry_sdk", "alembic.runtime"),
    "uvicorn.access",
)
# They log each malformed header of a client; clients must not be able to fill the log.
_ABOUT_CLIENTS = ("opentelemetry.baggage", "opentelemetry.trace.propagation", "opentelemetry.trace.span")
# Loggers whose text arguments are file names, addresses and versions: kept, but scrubbed by the patterns.
_TRUSTED = ("uvicorn", "alembic", "py.warnings")

log = logging.getLogger("telemetry")


class LineFormat:
    """Builds the object of a line: the mandatory fields in order, then the optional ones."""

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
    """Formats a log record as one line of JSON, scrubbed."""

    def __init__(self, line_format: LineFormat) -> None:
        super().__init__(reserved_attrs=[*RESERVED_ATTRS, "taskName", "color_message", *OWN_FIELDS])
        self._format = line_format

    def format(self, record: logging.LogRecord) -> str:
        trace_id, span_id = current_ids()
        line = self._format.build(record.created, record.levelname, message_of(record), trace_id, span_id)
        line["logger"] = policy.scrub_text(record.name)
        if isinstance(record.msg, Event):
            line["event"] = record.msg.name
        for key, value in record.__dict__.items():
            if key not in self.reserved_attrs and not str(key).startswith("_"):
                line[policy.scrub_text(str(key))] = policy.log_field(key, value)
        if record.exc_info and record.exc_info[1] is not None:
            line["error_type"] = policy.exception_type(record.exc_info[1])
            line["stack_trace"] = stack_trace(record.exc_info[1])
        return as_json(line).decode()


def as_json(line: dict[str, Any]) -> bytes:
    """Return the object as JSON. Of text that orjson rejects (invalid Unicode), only the bad characters are lost."""
    try:
        return orjson.dumps(line)
    except TypeError:
        return json.dumps(line, ensure_ascii=False, default=str).encode("utf-8", "replace")


def current_ids() -> tuple[str, str]:
    """Return trace id and span id of the current span in hexadecimal; two empty strings outside a span."""
    context = get_current_span().get_span_context()
    if context.span_id == INVALID_SPAN_ID:
        return "", ""
    return format_trace_id(context.trace_id), format_span_id(context.span_id)


def message_of(record: logging.LogRecord) -> str:
    """Return the record's text as the policy allows: events unchanged, of libraries the template and safe arguments."""
    if isinstance(record.msg, Event):
        return record.msg
    return policy.scrub_text(_template(record).strip())


def _template(record: logging.LogRecord) -> str:
    if isinstance(record.msg, BaseException) and not record.name.startswith(_TRUSTED):
        return policy.exception_type(record.msg)
    text = str(record.msg)
    if record.exc_info:
        # The lines after the first quote the exception; type and stack have their own fields.
        text = text.partition("\n")[0]
    if not record.args:
        return text
    try:
        return str(text % _arguments(record))
    except (TypeError, ValueError, KeyError):
        return text


def _arguments(record: logging.LogRecord) -> Any:
    """Return the record's arguments: all for a trusted library, only the numbers for others."""
    arguments = record.args
    if record.name.startswith(_TRUSTED):
        return arguments
    if isinstance(arguments, dict):
        return {name: _number(value) for name, value in arguments.items()}
    return tuple(_number(value) for value in arguments or ())


def _number(value: Any) -> Any:
    return value if value is None or isinstance(value, Number) else _Masked(policy.SCRUBBED)


class _Masked(str):
    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class LineWriter:
    """Writes each line to stdout and to the file that the collector reads.

    Each line is one unbuffered write, so a killed process loses none. The file is rotated by size. Every line is also
    passed to `listeners`.
    """

    def __init__(self, path: Path | None, settings: TelemetrySettings, line_format: LineFormat) -> None:
        self._format = line_format
        self._lock = threading.Lock()
        self._file = LogFile(path, settings.log_max_bytes, settings.log_backups) if path else None
        # Independent of each other: a full disk must not stop stdout, and a closed stdout must not stop the file.
        self._outputs = [*([self._file.write] if self._file else []), _to_stdout]
        self.listeners: list[Callable[[bytes], None]] = []

    def write(self, line: bytes) -> None:
        with self._lock:
            for write in self._outputs:
                try:
                    write(line)
                except OSError as error:
                    self.complain(error)
        for listener in self.listeners:
            listener(line)

    def complain(self, error: Exception) -> None:
        """Report on stderr that a line could not be written. The request must not fail because of it."""
        line = self._format.build(time.time(), "ERROR", str(events.TELEMETRY_LOST), *current_ids())
        line |= {"logger": log.name, "event": events.TELEMETRY_LOST.name, "error_type": policy.exception_type(error)}
        with suppress(OSError):
            sys.stderr.write(as_json(line).decode() + "\n")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _to_stdout(line: bytes) -> None:
    os.write(1, line)


class LineHandler(logging.Handler):
    """A handler of the standard library that passes records to the writer."""

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
    """Access lines. They bypass the `logging` module, which costs more than the line itself."""

    def __init__(self, line_format: LineFormat, writer: LineWriter) -> None:
        self._format, self._writer = line_format, writer
        self._count = metrics.LOG_LINES.labels("INFO").inc
        self._logger = logging.getLogger("telemetry.access")

    def write(self, trace_id: str, span_id: str, fields: dict[str, Any]) -> None:
        """Write one access line. `fields` are not scrubbed: pass bounded values only (template, method, status)."""
        if not self._logger.isEnabledFor(logging.INFO):
            return
        line = self._format.build(time.time(), "INFO", str(events.HTTP_ACCESS), trace_id, span_id)
        line["logger"] = self._logger.name
        line["event"] = events.HTTP_ACCESS.name
        line |= fields
        self._writer.write(as_json(line) + b"\n")
        self._count()


@dataclass(frozen=True)
class Logs:
    writer: LineWriter
    access: AccessLog


def log_as_json(service: str) -> tuple[TelemetrySettings, Logs]:
    """Write each line of this process as JSON from now on, without the OpenTelemetry SDK. Settings: the environment.

    OTEL_SERVICE_NAME overrides `service`. If a setting is rejected or the file cannot be written, one line on stdout
    names the reason and the variable to set, and SystemExit is raised.
    """
    service = service_name(service)
    try:
        settings = TelemetrySettings().in_effect()
    except ValidationError as error:
        setup_logs(service, TelemetrySettings.model_construct())
        crashes.refuse_settings(error)
        raise SystemExit(1) from None
    try:
        return settings, setup_logs(service, settings)
    except OSError as error:
        setup_logs(service, settings.model_copy(update={"log_directory": None}))
        reason = f"LOG_DIRECTORY: {settings.log_directory} cannot be written ({error.strerror}). Name another folder."
        log.critical(events.SETTINGS_REFUSED, extra={"reason": reason})
        raise SystemExit(1) from None


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
    for name in _ABOUT_CLIENTS:
        logging.getLogger(name).setLevel(logging.ERROR)
    # A server that was started earlier has its own handlers, which write plain text.
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    logging.captureWarnings(True)
    crashes.watch(repeats=settings.otel_sdk_disabled)
    return Logs(writer, AccessLog(line_format, writer))
