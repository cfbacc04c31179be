"""Names on the wire: those that every service shares, and `declare`, by which a service adds its own.

Standard names follow the OpenTelemetry semantic conventions; metrics follow Prometheus naming (base units, `_total`).
"""

import re
from collections.abc import Mapping

NAMESPACE = "sandbox"

# One trace id, three spellings, because three conventions meet here; nothing else spells it.
LOG_TRACE_ID = "traceId"
LOG_SPAN_ID = "spanId"
EXEMPLAR_TRACE_ID = "trace_id"
TRACE_ID_HEADER = "X-Trace-Id"

# What a request counts as that matches no route, or uses a method that HTTP does not define.
UNMATCHED_ROUTE = "unmatched"
OTHER_METHOD = "_OTHER"
KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"})

# Baggage that a service accepts and passes on; anything else that a client sends stays at the door.
SYNTHETIC = "synthetic"
BAGGAGE = frozenset({SYNTHETIC})

MANDATORY_FIELDS = ("timestamp", "level", "message", "service", "environment", "version", LOG_TRACE_ID, LOG_SPAN_ID)
# What a line says by itself; a field of such a name in `extra=` is left out.
OWN_FIELDS = (*MANDATORY_FIELDS, "logger", "event", "stack_trace")

# Further fields that a line may have, and attributes that a span may have, each with what its values mean. The value of
# another field is written as "[scrubbed]", and another attribute is removed.
LOG_FIELDS: dict[str, str] = {}
SPAN_ATTRIBUTES: dict[str, str] = {}

# The meaning of names that are not ours.
BY_CONVENTION = "as in the semantic conventions"

_FIELD = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*").fullmatch
_ATTRIBUTE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*").fullmatch
# What a span says by itself: the resource of its process, and the SDK.
_OF_RESOURCE = re.compile(r"(service|telemetry|deployment|otel)\.").match


def declare(*, log_fields: Mapping[str, str] | None = None, span_attributes: Mapping[str, str] | None = None) -> None:
    """Let values of these names leave the process, by what they mean: `{"order_id": "the order's id"}`.

    Declare a name only when its values identify nobody; they still pass the patterns. What several services share is
    declared by each in the same words. Raises ValueError, which names the name, when it breaks the rule for names, is
    reserved for what a line or a span says by itself, or has been declared with another meaning.
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
    """Remember what a name means. Raises ValueError when it means something else already, or nothing."""
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
