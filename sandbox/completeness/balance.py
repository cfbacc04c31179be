"""Counts the spans and log lines that services produced."""

from collections import Counter
from dataclasses import dataclass

from sandbox.completeness.exposition import PROCESSED, samples_of
from sandbox.model.catalog import SERVICES
from sandbox.model.stack import Stack

__all__ = ["OF_SERVICES", "Produced", "produced"]

OF_SERVICES = f'{{service_name=~"{"|".join(SERVICES)}"}}'


@dataclass(frozen=True)
class Produced:
    """The number of ended spans and of written log lines per service since its start."""

    spans: Counter[str]
    lines: Counter[str]


def spans_ended(stack: Stack, service: str) -> int:
    """Return the number of ended spans, from the service's /metrics.

    Counts those that left the queue of the SDK's processor in any way, and those still in it.
    """
    names = (PROCESSED, "otel_sdk_processor_span_queue_size")
    return int(sum(sum(samples_of(stack.url(service), name).values()) for name in names))


def produced(stack: Stack) -> Produced:
    """Read the numbers from the services' /metrics."""
    spans = {service: spans_ended(stack, service) for service in SERVICES}
    lines = {
        service: int(sum(samples_of(stack.url(service), "telemetry_log_lines_total").values())) for service in SERVICES
    }
    return Produced(Counter(spans), Counter(lines))
