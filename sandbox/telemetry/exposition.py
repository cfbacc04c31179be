"""A service's own /metrics page, read directly: what Prometheus will see at its next scrape."""

from collections.abc import Mapping

import httpx
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families

__all__ = ["families_of", "samples_of"]

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def families_of(service: str) -> list[Metric]:
    """The metric families of the service at an address, strictly parsed as OpenMetrics."""
    answer = httpx.get(
        f"{service}/metrics", headers={"accept": OPENMETRICS}, timeout=5.0, trust_env=False
    ).raise_for_status()
    return list(text_string_to_metric_families(answer.text))


def samples_of(service: str, sample: str) -> Mapping[frozenset[tuple[str, str]], float]:
    """The values of one sample name (``..._count``) at a service's address, by their labels.

    A label with an empty value is left out, as Prometheus does: OpenTelemetry's exporter gives every series of a
    counter the same labels, and those that one lacks are empty.
    """
    return {
        frozenset((label, value) for label, value in one.labels.items() if value): one.value
        for family in families_of(service)
        for one in family.samples
        if one.name == sample
    }
