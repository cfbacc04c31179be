"""Waits for services whose exporter is backing off after an outage of the collector: up to 19 s."""

from sandbox.completeness.exposition import samples_of
from sandbox.model.catalog import SERVICES
from sandbox.model.stack import Stack
from sandbox_testing.polling import eventually

__all__ = ["EXPORTED", "PROCESSED", "wait_for_senders"]

PROCESSED, EXPORTED = "otel_sdk_processor_span_processed_total", "otel_sdk_exporter_span_exported_total"
# The longest pause of the exporter, 16 s plus a fifth, and the sending of the queue.
PATIENCE_SECONDS = 30.0


def wait_for_senders(stack: Stack) -> None:
    """Return when no service has a batch waiting for a retry."""
    before = {service: _exported(stack, service) for service in SERVICES}

    def waiting() -> list[str]:
        return [service for service in SERVICES if _under_way(stack, service) and not _moved(service)]

    def _moved(service: str) -> bool:
        return _exported(stack, service) > before[service]

    eventually("the services to send spans again", waiting, lambda found: not found, timeout=PATIENCE_SECONDS)


def _exported(stack: Stack, service: str) -> float:
    """Return the number of spans that were delivered or dropped."""
    return sum(samples_of(stack.url(service), EXPORTED).values())


def _under_way(stack: Stack, service: str) -> bool:
    handed_over = {
        labels: value
        for labels, value in samples_of(stack.url(service), PROCESSED).items()
        if "error_type" not in dict(labels)
    }
    return sum(handed_over.values()) > _exported(stack, service)
