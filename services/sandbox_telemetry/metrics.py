"""The metrics that all services share, and the registry to which a service adds its own.

`ORDERS = Counter("orders", "Orders by outcome.", ("outcome",), registry=metrics.REGISTRY)`: prometheus-client adds
the suffix of the type (`orders_total`), and raises ValueError for a name that is already registered.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.metrics_core import Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from sandbox_telemetry import policy

# `_created` series would double the number of series, and nothing here reads them.
disable_created_metrics()

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

# Buckets are narrow around 300 ms, because the latency objective is there.
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0)
LAG_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

HTTP_SERVER_DURATION = Histogram(
    "http_server_request_duration_seconds",
    "Time from the first byte of a request to the last byte of its answer; error_type names a failure.",
    ("http_request_method", "http_route", "http_response_status_code", "error_type"),
    unit="seconds",
    buckets=SECONDS,
    registry=REGISTRY,
)
HTTP_SERVER_ACTIVE = Gauge("http_server_active_requests", "Requests being answered now.", registry=REGISTRY)
HTTP_CLIENT_DURATION = Histogram(
    "http_client_request_duration_seconds",
    "Time a call to another service took; error_type names the failure when no answer came.",
    ("http_request_method", "server_address", "http_response_status_code", "error_type"),
    unit="seconds",
    buckets=SECONDS,
    registry=REGISTRY,
)
BUILD_INFO = Gauge(
    "build_info", "Always 1; the labels say what runs.", ("service", "version", "environment"), registry=REGISTRY
)
DB_CONNECTIONS = Gauge(
    "db_client_connections",
    "Connections of the pool by state.",
    ("db_client_connection_state",),
    registry=REGISTRY,
)
DB_CONNECTIONS_MAX = Gauge("db_client_connection_max", "Connections that the pool may open.", registry=REGISTRY)
FILESYSTEM_AVAILABLE = Gauge(
    "filesystem_avail_bytes",
    "Free space of the file system that log lines are written to.",
    unit="bytes",
    registry=REGISTRY,
)
FILESYSTEM_SIZE = Gauge(
    "filesystem_size_bytes", "Size of the file system that log lines are written to.", unit="bytes", registry=REGISTRY
)
EVENT_LOOP_LAG = Histogram(
    "event_loop_lag_seconds", "How late the event loop woke up.", unit="seconds", buckets=LAG_SECONDS, registry=REGISTRY
)
LOG_LINES = Counter("telemetry_log_lines", "Log lines by level.", ("level",), registry=REGISTRY)
ERROR_EVENTS = Counter("telemetry_error_events", "Error events by outcome.", ("outcome",), registry=REGISTRY)


class _Page(Collector):
    """Collects the registry with escaped labels: one label that is not valid Unicode would make the whole page fail."""

    def collect(self) -> Iterator[Metric]:
        for family in REGISTRY.collect():
            family.samples = [
                sample._replace(labels={name: policy.storable(value) for name, value in sample.labels.items()})
                for sample in family.samples
            ]
            yield family


PAGE = _Page()


def watch_filesystem(folder: Path) -> None:
    """Report the size and free space of the file system of `folder` at each scrape."""
    FILESYSTEM_AVAILABLE.set_function(lambda: shutil.disk_usage(folder).free)
    FILESYSTEM_SIZE.set_function(lambda: shutil.disk_usage(folder).total)
