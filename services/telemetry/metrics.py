"""The metrics as objects, built from the vocabulary: `metrics.PAYMENTS.labels(outcome="declined", ...).inc()`."""

# Before a meter provider is made: in a forked process it starts threads, and a lock of this module is free by then only
# if it was here first.
import concurrent.futures.thread  # noqa: F401
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.metrics_core import Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from telemetry import policy, vocabulary

# The creation time of each series would double the number of series, and nothing here reads it.
disable_created_metrics()

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)


class _Page(Collector):
    """What the registry collects, with labels that can be written: one that is no Unicode would cost the whole page."""

    def collect(self) -> Iterator[Metric]:
        for family in REGISTRY.collect():
            family.samples = [
                sample._replace(labels={name: policy.storable(value) for name, value in sample.labels.items()})
                for sample in family.samples
            ]
            yield family


PAGE = _Page()

_TYPES: dict[str, Any] = {"counter": Counter, "gauge": Gauge, "histogram": Histogram}


def _build(metric: vocabulary.Metric) -> Any:
    options = {"buckets": metric.buckets} if metric.buckets else {}
    return _TYPES[metric.kind](metric.name, metric.help, metric.labels, unit=metric.unit, registry=REGISTRY, **options)


_METRICS = {metric.name: _build(metric) for metric in vocabulary.METRICS if not metric.is_of_sdk}

HTTP_SERVER_DURATION: Histogram = _METRICS["http_server_request_duration_seconds"]
HTTP_SERVER_ACTIVE: Gauge = _METRICS["http_server_active_requests"]
HTTP_CLIENT_DURATION: Histogram = _METRICS["http_client_request_duration_seconds"]
HTTP_SERVER_REFUSED: Counter = _METRICS["http_server_refused"]
BUILD_INFO: Gauge = _METRICS["build_info"]
DB_CONNECTIONS: Gauge = _METRICS["db_client_connections"]
DB_CONNECTIONS_MAX: Gauge = _METRICS["db_client_connection_max"]
DATABASE_UP: Gauge = _METRICS["database_up"]
FILESYSTEM_AVAILABLE: Gauge = _METRICS["filesystem_avail_bytes"]
FILESYSTEM_SIZE: Gauge = _METRICS["filesystem_size_bytes"]
EVENT_LOOP_LAG: Histogram = _METRICS["event_loop_lag_seconds"]
LOG_LINES: Counter = _METRICS["telemetry_log_lines"]
ERROR_EVENTS: Counter = _METRICS["telemetry_error_events"]

PAYMENTS: Counter = _METRICS["payments"]
PAYMENT_AMOUNT: Histogram = _METRICS["payment_amount_minor_units"]
REFUNDS: Counter = _METRICS["refunds"]
IDEMPOTENT_REPLAYS: Counter = _METRICS["idempotent_replays"]
LOGINS: Counter = _METRICS["logins"]
LOCKOUTS: Counter = _METRICS["lockouts"]
TOKEN_REUSE: Counter = _METRICS["token_reuse"]
CIRCUIT_OPEN: Gauge = _METRICS["circuit_open"]
TOKENS_REJECTED: Counter = _METRICS["tokens_rejected"]
RATE_LIMITED: Counter = _METRICS["rate_limited"]
BROWSER_ERROR_EVENTS: Counter = _METRICS["browser_error_events"]
BROWSER_SPANS: Counter = _METRICS["browser_spans"]


# What the OpenTelemetry SDK counts itself, on the same page.
SDK_METERS = MeterProvider(
    [PrometheusMetricReader(disable_target_info=True, scope_info_enabled=False, registry=REGISTRY)],
    Resource.get_empty(),
    shutdown_on_exit=False,
)
SPANS_EXPORTED = SDK_METERS.get_meter("telemetry").create_counter(
    "otel.sdk.exporter.span.exported",
    "{span}",
    "The number of spans for which the export has finished, either successful or failed.",
)


def watch_filesystem(folder: Path) -> None:
    """Report the space of the file system below `folder` whenever the page is read."""
    FILESYSTEM_AVAILABLE.set_function(lambda: shutil.disk_usage(folder).free)
    FILESYSTEM_SIZE.set_function(lambda: shutil.disk_usage(folder).total)


def expose_only(service: str) -> None:
    """Take the metrics of other services off this process's page, where they would stay zero for ever."""
    for metric in vocabulary.METRICS:
        if metric.services and service not in metric.services:
            REGISTRY.unregister(_METRICS[metric.name])
