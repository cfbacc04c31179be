"""Every name this project puts on the wire: metrics, labels, log fields, span attributes. The only definition.

Standard names follow the OpenTelemetry semantic conventions; metrics follow Prometheus naming (base units, `_total`).
"""

from dataclasses import dataclass

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

# Asked by machines rather than people: neither traced, nor counted, nor written to the access log.
UNOBSERVED_PATHS = frozenset({"/livez", "/readyz", "/metrics"})
# Files of the frontend, and what browsers send about themselves, which has metrics of its own.
UNOBSERVED_PREFIXES = ("/assets/", "/telemetry/")

# ---------------------------------------------------------------- metrics


@dataclass(frozen=True)
class Metric:
    """Name without the suffix that the type adds; unit as in the name; labels in order; buckets of a histogram."""

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()
    unit: str = ""
    buckets: tuple[float, ...] = ()
    # The services that have it; empty for all.
    services: tuple[str, ...] = ()
    # Whether the OpenTelemetry SDK makes it, once there is something to count, by the names of its own conventions.
    is_of_sdk: bool = False


# The steps around 300 ms are narrow, because the latency objective is there.
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0)
LAG_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
MINOR_UNITS = (100, 500, 1_000, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000, 10_000_000)

HTTP_SERVER_LABELS = ("http_request_method", "http_route", "http_response_status_code", "error_type")
HTTP_CLIENT_LABELS = ("http_request_method", "server_address", "http_response_status_code", "error_type")

BUILD_LABELS = ("service", "version", "environment")
SDK_LABELS = ("otel_component_type", "otel_component_name")

METRICS = (
    Metric(
        "http_server_request_duration_seconds",
        "histogram",
        "Time from the first byte of a request to the last byte of its answer; error_type names a failure.",
        HTTP_SERVER_LABELS,
        "seconds",
        SECONDS,
    ),
    Metric("http_server_active_requests", "gauge", "Requests being answered now."),
    Metric(
        "http_server_refused",
        "counter",
        "Requests refused before they could be read: no HTTP (400), too slow (408), a head that is too large (431).",
        ("http_response_status_code",),
    ),
    Metric(
        "http_client_request_duration_seconds",
        "histogram",
        "Time a call to another service took; error_type names the failure when no answer came.",
        HTTP_CLIENT_LABELS,
        "seconds",
        SECONDS,
    ),
    Metric("build_info", "gauge", "Always 1; the labels say what runs.", BUILD_LABELS),
    Metric("db_client_connections", "gauge", "Connections of the pool by state.", ("db_client_connection_state",)),
    Metric("db_client_connection_max", "gauge", "Connections that the pool may open."),
    Metric(
        "database_up",
        "gauge",
        "1 while the service's own database answers, 0 after two checks in a row without an answer.",
        services=("auth", "payments"),
    ),
    Metric(
        "filesystem_avail_bytes",
        "gauge",
        "Free space of the file system that log lines are written to.",
        unit="bytes",
    ),
    Metric("filesystem_size_bytes", "gauge", "Size of the file system that log lines are written to.", unit="bytes"),
    Metric("event_loop_lag_seconds", "histogram", "How late the event loop woke up.", (), "seconds", LAG_SECONDS),
    Metric(
        "otel_sdk_processor_span_processed",
        "counter",
        "The number of spans for which the processing has finished, either successful or failed.",
        (*SDK_LABELS, "error_type"),
        is_of_sdk=True,
    ),
    Metric(
        "otel_sdk_processor_span_queue_size",
        "gauge",
        "The number of spans in the queue of a given instance of an SDK span processor.",
        SDK_LABELS,
        is_of_sdk=True,
    ),
    Metric(
        "otel_sdk_processor_span_queue_capacity",
        "gauge",
        "The maximum number of spans the queue of a given instance of an SDK span processor can hold.",
        SDK_LABELS,
        is_of_sdk=True,
    ),
    Metric(
        "otel_sdk_exporter_span_exported",
        "counter",
        "The number of spans for which the export has finished, either successful or failed.",
        ("error_type",),
        is_of_sdk=True,
    ),
    Metric("telemetry_log_lines", "counter", "Log lines by level.", ("level",)),
    Metric("telemetry_error_events", "counter", "Error events by what became of them.", ("outcome",)),
    Metric(
        "payments", "counter", "Payments by outcome.", ("outcome", "currency", "decline_reason"), services=("payments",)
    ),
    Metric(
        "payment_amount_minor_units",
        "histogram",
        "Amounts of authorised payments.",
        ("currency",),
        "",
        MINOR_UNITS,
        services=("payments",),
    ),
    Metric("refunds", "counter", "Refunds by outcome.", ("outcome", "currency"), services=("payments",)),
    Metric(
        "idempotent_replays", "counter", "Payment requests answered from their idempotency key.", services=("payments",)
    ),
    Metric("logins", "counter", "Log-ins by outcome.", ("outcome",), services=("auth",)),
    Metric("lockouts", "counter", "Accounts locked after repeated failures.", services=("auth",)),
    Metric("token_reuse", "counter", "Refresh tokens presented a second time.", services=("auth",)),
    Metric(
        "circuit_open", "gauge", "1 while the circuit breaker to the peer is open.", ("peer",), services=("payments",)
    ),
    Metric(
        "tokens_rejected",
        "counter",
        "Access tokens that were refused, by reason; missing means that none was shown.",
        ("reason",),
        services=("gateway",),
    ),
    Metric("rate_limited", "counter", "Requests refused because the client sent too many.", services=("gateway",)),
    Metric(
        "browser_error_events",
        "counter",
        "Error events of browsers by what became of them.",
        ("app", "outcome"),
        services=("gateway",),
    ),
    Metric(
        "browser_spans",
        "counter",
        "Spans of browsers by what became of them.",
        ("app", "outcome"),
        services=("gateway",),
    ),
)

# Of the small programs that do without this package: it would be most of their memory. They build these themselves, and
# a test of the running stack holds their pages against this table.
JOURNEY_SECONDS = (0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0)

STANDALONE_METRICS = (
    Metric("build_info", "gauge", "Always 1; the labels say what runs.", BUILD_LABELS, services=("relay",)),
    Metric("relay_alerts", "counter", "Alerts by what became of them.", ("alert", "outcome"), services=("relay",)),
    Metric(
        "heartbeat_last_seen_timestamp_seconds",
        "gauge",
        "When alerting last gave a sign of life.",
        unit="seconds",
        services=("heartbeat",),
    ),
    Metric(
        "heartbeat_silent",
        "gauge",
        "1 while alerting has given no sign of life for too long.",
        services=("heartbeat",),
    ),
    Metric("synthetic_journeys", "counter", "Complete journeys by outcome.", ("outcome",), services=("customer",)),
    Metric(
        "synthetic_journey_duration_seconds",
        "histogram",
        "Time of a journey that succeeded, from log-in to log-out.",
        (),
        "seconds",
        JOURNEY_SECONDS,
        services=("customer",),
    ),
    Metric("synthetic_steps", "counter", "Steps of journeys by outcome.", ("step", "outcome"), services=("customer",)),
    Metric(
        "synthetic_step_duration_seconds",
        "histogram",
        "Time from a request to the end of its answer.",
        ("step",),
        "seconds",
        JOURNEY_SECONDS,
        services=("customer",),
    ),
    Metric(
        "synthetic_last_success_timestamp_seconds",
        "gauge",
        "When a journey last succeeded.",
        unit="seconds",
        services=("customer",),
    ),
    Metric("synthetic_paused", "gauge", "1 while the customer has been told to pause.", services=("customer",)),
)

# ---------------------------------------------------------------- log fields

MANDATORY_FIELDS = ("timestamp", "level", "message", "service", "environment", "version", LOG_TRACE_ID, LOG_SPAN_ID)

# Further fields that a line may have. A field that is not here is written as "[scrubbed]": add it here first, and only
# when its values identify nobody.
LOG_FIELDS = frozenset(
    {
        "amount",
        "attempt",
        "bind",
        "capture_id",
        "card_brand",
        "count",
        "currency",
        "decline_reason",
        "duration_seconds",
        "error_type",
        "http_request_method",
        "http_response_status_code",
        "http_route",
        "limit",
        "migration",
        "outcome",
        "payment_id",
        "peer",
        "reason",
        "refund_id",
        "session_id",
        "state",
        "status",
        "synthetic",
        "user_id",
        "wait_seconds",
    }
)

# ---------------------------------------------------------------- context

# Baggage that a service accepts and passes on; anything else that a client sends stays at the door.
SYNTHETIC = "synthetic"
BAGGAGE = frozenset({SYNTHETIC})

# ---------------------------------------------------------------- spans

# Attributes that leave the process; all others are removed. Their values still pass the patterns.
SPAN_ATTRIBUTES = frozenset(
    {
        "code.function.name",
        "db.collection.name",
        "db.namespace",
        "db.operation.name",
        "db.query.text",
        "db.system.name",
        "error.type",
        "exception.type",
        "http.request.method",
        "http.request.resend_count",
        "http.response.status_code",
        "http.route",
        "network.protocol.version",
        "payment.currency",
        "payment.id",
        "payment.outcome",
        "peer.service",
        "server.address",
        "server.port",
        "synthetic",
        "url.scheme",
        "url.template",
    }
)
