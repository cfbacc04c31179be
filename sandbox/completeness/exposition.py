"""Reads a service's /metrics directly: the values of Prometheus's next scrape."""

from collections.abc import Mapping

from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from sandbox_testing import direct

__all__ = ["EXPORTED", "PROCESSED", "families_of", "samples_of"]

# Counters of spans in each service.
PROCESSED, EXPORTED = "otel_sdk_processor_span_processed_total", "otel_sdk_exporter_span_exported_total"

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def families_of(service: str) -> list[Metric]:
    """Return the metric families of the service at an address, strictly parsed as OpenMetrics."""
    answer = direct.get(f"{service}/metrics", headers={"accept": OPENMETRICS}, timeout=5.0).raise_for_status()
    return list(text_string_to_metric_families(answer.text))


def samples_of(service: str, sample: str) -> Mapping[frozenset[tuple[str, str]], float]:
    """Return the values of one sample name (``..._count``) at a service's address, by their labels.

    Empty labels are dropped, as in Prometheus: OpenTelemetry's exporter gives every series of a counter the same
    labels, some of them empty.
    """
    return {
        frozenset((label, value) for label, value in one.labels.items() if value): one.value
        for family in families_of(service)
        for one in family.samples
        if one.name == sample
    }
