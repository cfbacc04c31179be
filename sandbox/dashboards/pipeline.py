"""Queries about the telemetry pipeline: spans sent, queues, losses, and telemetry that was rejected."""

from collections.abc import Callable, Iterable, Mapping

from sandbox.completeness.exposition import EXPORTED, PROCESSED
from sandbox.dashboards.promql import per_minute, rate, share

__all__ = [
    "FLOWS",
    "FULLNESS",
    "LOST_EVENTS",
    "LOST_SPANS",
    "QUEUE",
    "REFUSED",
    "REFUSED_A_MINUTE",
    "SENT_SPANS",
    "WAYS",
    "all_of",
    "either",
]

# Spans of services and browsers. The rule counts the first loss too, with which a counter's series begins.
LOST_SPANS = 'sum(telemetry:discarded:increase1m{signal="traces",outcome="lost",reason=~"not delivered.*|no room.*"})'


def _called(name: str, expression: str, label: str = "") -> str:
    """Set the legend of series to `name`, in which $1 is the value of `label`."""
    return f'label_replace({expression}, "legend", "{name}", "{label}", "(.*)")'


# Few series while nothing is lost; services with losses are named.
_WELL, _LOST = 'error_type=""', 'error_type!=""'
_SENT = (
    _called("sent", rate(PROCESSED, where=_WELL)),
    _called("$1 queue full", rate(PROCESSED, "service", _LOST) + " > 0", "service"),
)
_TAKEN = (
    _called("delivered", rate(EXPORTED, where=_WELL)),
    _called("$1 not delivered", rate(EXPORTED, "service", _LOST) + " > 0", "service"),
    # Has no series before a browser has sent spans.
    _called("browsers $1", rate("browser_spans_total", "outcome"), "outcome"),
)
SENT_SPANS = [(" or ".join(kinds), "{{legend}}") for kinds in (_SENT, _TAKEN)]
QUEUE = ("otel_sdk_processor_span_queue_size", "otel_sdk_processor_span_queue_capacity")
# Events that did not reach the error tracker, and its notifications that did not reach Alertmanager.
LOST_EVENTS = {
    "telemetry_error_events_total": 'outcome!="recorded"',
    "browser_error_events_total": 'outcome!="exported"',
    "relay_alerts_total": 'outcome!="delivered"',
}
# What the collector rejected or failed to process, and what a store rejected. Series exist from the first occurrence.
REFUSED = {
    f"otelcol_{what}_{signal}_total": f"{signal.replace('_', ' ')} {told}"
    for what, told in {
        "receiver_refused": "rejected",
        "exporter_enqueue_failed": "queue full",
        "exporter_send_failed": "export failed",
    }.items()
    for signal in ("spans", "log_records")
}
REFUSED_A_MINUTE = "60 * (" + " + ".join(f"({rate(name, window='1m')} or vector(0))" for name in REFUSED) + ")"

FULLNESS = share("otelcol_exporter_queue_size", "otelcol_exporter_queue_capacity")

# The integrations in use.
WAYS = '{integration=~"email|webhook|slack"}'

FLOWS = {
    "otelcol_receiver_accepted_spans_total": "spans in",
    "otelcol_exporter_sent_spans_total": "spans out",
    "otelcol_receiver_accepted_log_records_total": "lines in",
    "otelcol_exporter_sent_log_records_total": "lines out",
}


def all_of(counters: Mapping[str, str]) -> str:
    """Return the sum of the increases per minute of several counters, each with its condition.

    A missing series counts as 0.
    """
    return " + ".join(f"({per_minute(name, where=where)} or vector(0))" for name, where in counters.items())


def either(what: Callable[[str, str], str], counters: Iterable[str]) -> str:
    """Return a query with one term per counter.

    A range over several names drops the name, so that series with equal labels collide.
    """
    return " or ".join(what(name, "service, app, outcome") for name in counters)
