"""Error events over Sentry's protocol: every log line of level ERROR becomes one event."""

import atexit
import linecache
import logging
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from opentelemetry import trace

from sandbox_telemetry import metrics, policy
from sandbox_telemetry.events import Event
from sandbox_telemetry.logs import message_of
from sandbox_telemetry.settings import TelemetrySettings

EventTags = Callable[[], Mapping[str, str]]
_FRAME_KEYS = ("filename", "function", "module", "lineno", "in_app")
# The queue must hold a full burst, because the tracker accepts events more slowly than a service produces them.
_BURST = 500
# Lines of source before and after the executed one.
_SOURCE_LINES = 5
# Type and cause; the members of an exception group are listed below it.
_MECHANISM_KEYS = ("type", "handled", "exception_id", "parent_id", "is_exception_group", "source")
_EVENT_KEYS = ("event_id", "timestamp", "level", "platform", "release", "environment", "logger", "sdk")


def client_options(service: str, settings: TelemetrySettings, tags: EventTags = dict) -> dict[str, Any]:
    """Return the SDK's options. Features that OpenTelemetry covers, or that the policy forbids, are off."""
    return {
        "dsn": settings.sentry_dsn.get_secret_value() if settings.sentry_dsn else None,
        "environment": settings.deployment_environment.value,
        "release": f"{service}@{settings.service_version}",
        "before_send": lambda event, hint: rebuild(event, hint, {"service": service, **tags()}),
        "default_integrations": False,
        "auto_enabling_integrations": False,
        "auto_session_tracking": False,
        "send_client_reports": False,
        "include_local_variables": False,
        # The SDK reads the source file of each frame anew, framework files included. That was two thirds of an event's
        # cost.
        "include_source_context": False,
        "project_root": str(Path(__file__).resolve().parents[1]),
        "in_app_exclude": [__package__],
        "max_request_body_size": "never",
        "max_breadcrumbs": 0,
        "transport_queue_size": _BURST,
        "shutdown_timeout": 2,
    }


def setup_errors(service: str, settings: TelemetrySettings, tags: EventTags = dict) -> logging.Handler | None:
    """Start the SDK. Returns the handler that turns ERROR lines into events, or None without a DSN."""
    if settings.sentry_dsn is None:
        return None
    import sentry_sdk
    from sentry_sdk.transport import HttpTransport

    class CountingTransport(HttpTransport):
        def on_dropped_event(self, reason: str) -> None:
            metrics.ERROR_EVENTS.labels(outcome_of_drop(reason)).inc()

    sentry_sdk.init(**client_options(service, settings, tags), transport=CountingTransport)
    # Flush at exit: a process that ends with an exception has just created its most important event.
    atexit.register(sentry_sdk.flush, 2)
    handler = event_handler()
    handler.addFilter(Throttle())
    return handler


def event_handler() -> logging.Handler:
    """Return the SDK's handler that creates an event from an ERROR line."""
    from sentry_sdk.integrations.logging import EventHandler

    class Handler(EventHandler):
        def format(self, record: logging.LogRecord) -> str:
            """Return an empty text: the event is built from the record's parts, so a formatted stack is not needed."""
            return ""

    handler = Handler(level=logging.ERROR)
    # No events for batches that the OpenTelemetry SDK could not deliver: a counter and an alert cover them.
    handler.addFilter(lambda record: not record.name.startswith("opentelemetry."))
    return handler


def outcome_of_drop(reason: str) -> str:
    """Return the outcome of an event that the SDK gave up: `throttled` if the tracker limited the rate, else `lost`."""
    return "throttled" if reason in ("status_429", "self_rate_limits") else "lost"


class Throttle(logging.Filter):
    """Rate limit for error events: a burst, then a few a second. Building an event takes milliseconds.

    Log line, span and count of an error are not limited. Events above the limit are counted as throttled.
    """

    def __init__(
        self, burst: int = _BURST, per_second: float = 10.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._burst, self._per_second, self._clock = burst, per_second, clock
        self._tokens, self._filled = float(burst), clock()

    def filter(self, record: logging.LogRecord) -> bool:
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._per_second)
        self._filled = now
        if self._tokens < 1:
            metrics.ERROR_EVENTS.labels("throttled").inc()
            return False
        self._tokens -= 1
        return True


def rebuild(event: dict[str, Any], hint: dict[str, Any], tags: dict[str, str]) -> dict[str, Any]:
    """Return a new event with only what the policy allows: types, stacks with source, ids and our tags."""
    record: logging.LogRecord | None = hint.get("log_record")
    context = trace.get_current_span().get_span_context()
    kept: dict[str, Any] = {key: event[key] for key in _EVENT_KEYS if key in event}
    kept["tags"] = tags
    if context.is_valid:
        trace_id = trace.format_trace_id(context.trace_id)
        kept["contexts"] = {
            "trace": {"trace_id": trace_id, "span_id": trace.format_span_id(context.span_id), "type": "trace"}
        }
        kept["tags"]["trace_id"] = trace_id
    if record is not None:
        fields = {key: record.__dict__.get(key) for key in ("http_route", "http_request_method")}
        kept["tags"] |= {key: policy.scrub_text(str(value)) for key, value in fields.items() if value}
        if isinstance(record.msg, Event):
            kept["tags"]["event"] = record.msg.name
        kept["logentry"] = {"message": message_of(record)}
    if values := event.get("exception", {}).get("values"):
        kept["exception"] = {"values": [_exception(value) for value in values]}
        kept.pop("logentry", None)
    metrics.ERROR_EVENTS.labels("recorded").inc()
    storable: dict[str, Any] = _storable(kept)
    return storable


def _storable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _storable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_storable(item) for item in value]
    return policy.storable(value) if isinstance(value, str) else value


def _exception(value: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value[key] for key in ("type", "module") if value.get(key)}
    kept["value"] = ""
    if mechanism := value.get("mechanism"):
        kept["mechanism"] = {key: mechanism[key] for key in _MECHANISM_KEYS if mechanism.get(key) is not None}
    if frames := (value.get("stacktrace") or {}).get("frames"):
        kept["stacktrace"] = {"frames": [_frame(frame) for frame in frames]}
    return kept


def _frame(frame: dict[str, Any]) -> dict[str, Any]:
    kept = {key: policy.scrub_value(frame[key]) for key in _FRAME_KEYS if frame.get(key) is not None}
    if frame.get("in_app") and (path := frame.get("abs_path")) and (line := frame.get("lineno")):
        kept |= _source(path, line)
    return kept


# A service fails in a limited number of places, and its files do not change while it runs.
@lru_cache(maxsize=1024)
def _source(path: str, line: int) -> dict[str, Any]:
    """Return the source lines around `line` (counted from 1), as an event has them; empty if there is no such file."""
    lines, at = linecache.getlines(path), line - 1
    if at >= len(lines):
        return {}
    return {
        "pre_context": _scrubbed(lines[max(0, at - _SOURCE_LINES) : at]),
        "context_line": _scrubbed(lines[at:line])[0],
        "post_context": _scrubbed(lines[line : line + _SOURCE_LINES]),
    }


def _scrubbed(lines: list[str]) -> list[str]:
    return [policy.scrub_text(line.rstrip("\r\n")) for line in lines]
