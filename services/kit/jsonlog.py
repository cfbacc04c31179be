"""Log lines as JSON, for the small programs that do without the telemetry package, which would be 40 MB more."""

import logging
import sys
from datetime import UTC, datetime

__all__ = ["log_as_json"]

# A field of such a name in `extra=` is left out.
_OWN_FIELDS = ("timestamp", "level", "logger", "service", "environment", "version", "traceId", "spanId", "stack_trace")


def log_as_json(service: str, environment: str, version: str) -> None:
    """Every line on stdout from now on, with the fields that every line in this project has."""
    from pythonjsonlogger.core import RESERVED_ATTRS
    from pythonjsonlogger.json import JsonFormatter

    class Formatter(JsonFormatter):
        def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
            return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds")

    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        Formatter(
            ["asctime", "levelname", "name", "message"],
            rename_fields={"asctime": "timestamp", "levelname": "level", "name": "logger", "exc_info": "stack_trace"},
            static_fields={"service": service, "environment": environment, "version": version},
            defaults={"traceId": "", "spanId": ""},
            reserved_attrs=[*RESERVED_ATTRS, "taskName", "color_message", *_OWN_FIELDS],
        )
    )
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # A line for each request of theirs would tell nothing that the answering service's log does not.
    logging.getLogger("httpx").setLevel(logging.WARNING)
