"""The names of fields and attributes that all services share, and `declare`, with which a service adds its own.

Standard names follow the OpenTelemetry semantic conventions; metrics follow Prometheus naming (base units, `_total`).
"""

import re
from collections.abc import Mapping

NAMESPACE = "sandbox"

# The trace id has three names, because three conventions meet here. Use these constants for all of them.
LOG_TRACE_ID = "traceId"
LOG_SPAN_ID = "spanId"
EXEMPLAR_TRACE_ID = "trace_id"
TRACE_ID_HEADER = "X-Trace-Id"

# Label values for a request that matches no route, or whose method HTTP does not define.
UNMATCHED_ROUTE = "unmatched"
OTHER_METHOD = "_OTHER"
KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"})

# Baggage that a service accepts and propagates. All other baggage is dropped.
SYNTHETIC = "synthetic"
BAGGAGE = frozenset({SYNTHETIC})

MANDATORY_FIELDS = ("timestamp", "level", "message", "service", "environment", "version", LOG_TRACE_ID, LOG_SPAN_ID)
# Standard fields of a line; a field of the same name in `extra=` is dropped.
OWN_FIELDS = (*MANDATORY_FIELDS, "logger", "event", "stack_trace")

# Allowed further log fields and span attributes, with the meaning of their values. The value of any other field is
# written as "[scrubbed]"; any other attribute is removed.
LOG_FIELDS: dict[str, str] = {}
SPAN_ATTRIBUTES: dict[str, str] = {}

# The meaning to declare for a name that the semantic conventions define.
BY_CONVENTION = "as in the semantic conventions"

_FIELD = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*").fullmatch
_ATTRIBUTE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*").fullmatch
# Names of the resource and of the SDK itself, reserved on spans.
_OF_RESOURCE = re.compile(r"(service|telemetry|deployment|otel)\.").match


def declare(*, log_fields: Mapping[str, str] | None = None, span_attributes: Mapping[str, str] | None = None) -> None:
    """Allow values with these names to leave the process, each with its meaning: `{"order_id": "the order's id"}`.

    Declare a name only if its values identify nobody. They are still matched against the patterns. If several services
    share a name, each declares it with the same text. Raises ValueError, which names the name, if it breaks the naming
    rule, is reserved for standard fields or the resource, or is declared with another meaning.
    """
    for name, meaning in (log_fields or {}).items():
        if name in OWN_FIELDS:
            raise ValueError(f"log field {name!r} is reserved: each line says it by itself")
        if not _FIELD(name):
            raise ValueError(f"log field {name!r} must be lower case with underscores, like order_id")
        claim(LOG_FIELDS, name, meaning, "log field")
    for name, meaning in (span_attributes or {}).items():
        if _OF_RESOURCE(name):
            raise ValueError(f"span attribute {name!r} is reserved: the resource of each span says it")
        if not _ATTRIBUTE(name):
            raise ValueError(f"span attribute {name!r} must be lower case with dots, like order.id")
        claim(SPAN_ATTRIBUTES, name, meaning, "span attribute")


def claim(known: dict[str, str], name: str, meaning: str, kind: str) -> None:
    """Register a name and its meaning. Raises ValueError if the meaning is empty or differs from the registered one."""
    if not meaning:
        raise ValueError(f"{kind} {name!r} needs a meaning")
    if (other := known.setdefault(name, meaning)) != meaning:
        raise ValueError(f"{kind} {name!r} is declared twice: as {str(other)!r} and as {str(meaning)!r}")


declare(
    log_fields={
        "count": "how many",
        "duration_seconds": "how long it took",
        "error_type": "class of an exception, or the status that stands for a failure",
        "http_request_method": "method of HTTP, or _OTHER",
        "http_response_status_code": "status of an answer",
        "http_route": "template of the route, never the path",
        "reason": "why, in words of the code",
        SYNTHETIC: "true in a request of the synthetic customer",
    },
    span_attributes=dict.fromkeys(
        (
            *("code.function.name", "error.type", "exception.type", "network.protocol.version", "peer.service"),
            *("db.collection.name", "db.namespace", "db.operation.name", "db.query.text", "db.system.name"),
            *("http.request.method", "http.request.resend_count", "http.response.status_code", "http.route"),
            *("server.address", "server.port", "url.scheme", "url.template"),
        ),
        BY_CONVENTION,
    )
    | {SYNTHETIC: "true in a request of the synthetic customer"},
)
