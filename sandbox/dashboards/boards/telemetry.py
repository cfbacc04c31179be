"""The pipeline's own health: does everything that the services say arrive, and do alerts leave?"""

from collections.abc import Callable, Iterable, Mapping

from grafana_foundation_sdk.builders import dashboard

from sandbox.dashboards import limits
from sandbox.dashboards.board import board
from sandbox.dashboards.panels import figure, plot
from sandbox.dashboards.promql import PER_MINUTE, PER_SECOND, per_minute, rate, share

__all__ = ["REFUSED_A_MINUTE", "telemetry"]

# Of services and of browsers. The rule sees the first loss as well, by which a counter is born.
LOST_SPANS = 'sum(telemetry:discarded:increase1m{signal="traces",outcome="lost",reason=~"not delivered.*|no room.*"})'
PROCESSED, EXPORTED = "otel_sdk_processor_span_processed_total", "otel_sdk_exporter_span_exported_total"


def _called(name: str, expression: str, label: str = "outcome") -> str:
    return f'label_replace({expression}, "{label}", "{name}", "", "")'


# Few names while all is well; a service that lost some is named.
_WELL, _LOST = 'error_type=""', 'error_type!=""'
_SENT = (
    _called("sent", rate(PROCESSED, where=_WELL)),
    _called("no room", rate(PROCESSED, "service", _LOST) + " > 0"),
)
_TAKEN = (
    _called("delivered", rate(EXPORTED, where=_WELL)),
    _called("not delivered", rate(EXPORTED, "service", _LOST) + " > 0"),
    # Does not exist before a browser has sent spans.
    _called("browsers", rate("browser_spans_total", "outcome"), "service"),
)
SENT_SPANS = [(" or ".join(kinds), "{{service}} {{outcome}}") for kinds in (_SENT, _TAKEN)]
QUEUE = ("otel_sdk_processor_span_queue_size", "otel_sdk_processor_span_queue_capacity")
# What did not reach the error tracker, and its news that did not reach Alertmanager.
LOST_EVENTS = {
    "telemetry_error_events_total": 'outcome!="recorded"',
    "browser_error_events_total": 'outcome!="exported"',
    "relay_alerts_total": 'outcome!="delivered"',
}
# What the collector turned away or could not do, and what a store did not take; series exist from the first time on.
REFUSED = {
    f"otelcol_{what}_{signal}_total": f"{signal.replace('_', ' ')} {told}"
    for what, told in {
        "receiver_refused": "refused",
        "exporter_enqueue_failed": "found no room",
        "exporter_send_failed": "not taken",
    }.items()
    for signal in ("spans", "log_records")
}
REFUSED_A_MINUTE = "60 * (" + " + ".join(f"({rate(name, window='1m')} or vector(0))" for name in REFUSED) + ")"

FULLNESS = share("otelcol_exporter_queue_size", "otelcol_exporter_queue_capacity")

# The ways out that are in use.
WAYS = '{integration=~"email|webhook|slack"}'

FLOWS = {
    "otelcol_receiver_accepted_spans_total": "spans in",
    "otelcol_exporter_sent_spans_total": "spans out",
    "otelcol_receiver_accepted_log_records_total": "lines in",
    "otelcol_exporter_sent_log_records_total": "lines out",
}


def telemetry() -> dashboard.Dashboard:
    """The dashboard of /d/telemetry."""
    return board(
        "telemetry",
        "Telemetry pipeline",
        "Can the other dashboards be trusted? Every signal's way to its store, and alerts' to people.",
        {
            "Now": _now,
            "What the services send": _sent,
            "The collector": _collector,
            "The stores": _stores,
            "Rules and alerts": _alerts,
        },
    )


def _now() -> list:
    return [
        figure(
            "Spans lost",
            "Spans a minute that services, and the gateway for browsers, could not deliver or keep.",
            PER_MINUTE,
            f"{LOST_SPANS} or vector(0)",
            limit=limits.LOST,
        ),
        figure(
            "Refused",
            "Spans and lines a minute that the collector turned away or that a store did not take. Senders try again.",
            PER_MINUTE,
            REFUSED_A_MINUTE,
            limit=limits.LOST,
        ),
        figure(
            "Fullest queue",
            "Of the collector's queues to the stores, the fullest.",
            "percentunit",
            f"max({FULLNESS})",
            limit=limits.QUEUE,
        ).decimals(1),
        figure(
            "Error events lost",
            "A minute: errors of services and browsers that did not reach the error tracker, and news of them that did "
            "not reach Alertmanager.",
            PER_MINUTE,
            _all_of(LOST_EVENTS),
            limit=limits.LOST,
        ),
        figure(
            "Targets down",
            "Scrape targets that do not answer; Grafana does not count.",
            "short",
            'count(up{job!="optional"} == 0) or vector(0)',
            limit=limits.GONE,
        ),
        figure(
            "Mails that failed",
            "Notifications a minute that Alertmanager could not deliver.",
            PER_MINUTE,
            f"60 * sum(rate(alertmanager_notifications_failed_total{WAYS}[1m]))",
            limit=limits.LOST,
        ),
    ]


def _all_of(counters: Mapping[str, str]) -> str:
    """The increases a minute of counters, each with its condition, added up; one that has no series counts as 0."""
    return " + ".join(f"({per_minute(name, where=where)} or vector(0))" for name, where in counters.items())


def _either(what: Callable[[str, str], str], counters: Iterable[str]) -> str:
    """Of each counter by itself: a range over several names drops the name, and series of one labelset collide."""
    return " or ".join(what(name, "service, app, outcome") for name in counters)


def _sent() -> list:
    return [
        plot(
            "Spans",
            "Spans a second of services and browsers. Sent: they left the queue. Delivered: the collector accepted "
            "them. No room, not delivered: that service lost them.",
            PER_SECOND,
            SENT_SPANS,
            width=8,
        ),
        plot(
            "Spans that wait",
            "How full each service's queue is while the collector is away. When it is full, the oldest span is lost.",
            "percentunit",
            [(share(*QUEUE), "{{service}}")],
            limit=limits.QUEUE,
            width=8,
        ),
        plot(
            "Error events",
            "A minute: errors of services and browsers by what became of them, and the relay's news of them.",
            PER_MINUTE,
            [(_either(per_minute, LOST_EVENTS), "{{service}} {{app}} {{outcome}}")],
            width=8,
            quiet="no error has been reported yet",
        ),
    ]


def _collector() -> list:
    return [
        plot(
            "Taken in and delivered",
            "Spans and log lines a second. The gap is what waits in the queues.",
            PER_SECOND,
            [(rate(metric), legend) for metric, legend in FLOWS.items()],
        ),
        plot(
            "Log lines",
            "Lines a second that services wrote, by level, and what Loki took in: the two totals agree.",
            PER_SECOND,
            [
                (rate("telemetry_log_lines_total", "level"), "written {{level}}"),
                (rate("loki_distributor_lines_received_total"), "stored"),
            ],
        ),
        plot(
            "Queues",
            "How full the queue to each store is. It is on disk and outlives a restart.",
            "percentunit",
            [(f'label_replace({FULLNESS}, "store", "$1", "exporter", "(?:.*/)?(.*)")', "{{store}}")],
            limit=limits.QUEUE,
        ),
        plot(
            "Refused and failed",
            "A minute: turned away for want of room, or not taken by a store.",
            PER_MINUTE,
            [(f"60 * ({rate(name, window='1m')} or vector(0))", legend) for name, legend in REFUSED.items()],
            limit=limits.LOST,
            width=12,
        ),
        plot(
            "Memory of the collector",
            "Resident memory. It refuses what comes in from 160 MiB on.",
            "bytes",
            [("otelcol_process_memory_rss_bytes", "resident")],
            limit=limits.COLLECTOR_MEMORY,
            width=12,
        ),
    ]


def _stores() -> list:
    return [
        plot(
            "Taken in by each store",
            "A second: samples by Prometheus, lines by Loki, spans by Tempo.",
            PER_SECOND,
            [
                (rate("prometheus_tsdb_head_samples_appended_total", where='service="prometheus"'), "samples"),
                (rate("loki_distributor_lines_received_total"), "lines"),
                (rate("tempo_distributor_spans_received_total"), "spans"),
            ],
            width=12,
        ),
        plot(
            "Slowest scrapes",
            "Time that a scrape takes.",
            "s",
            [("topk(5, scrape_duration_seconds)", "{{service}}")],
            limit=limits.SCRAPE,
            colours={},
            width=12,
        ),
        plot(
            "Series in Prometheus",
            "Series that it holds in memory; each new value of a label adds some.",
            "short",
            [('prometheus_tsdb_head_series{service="prometheus"}', "series")],
            limit=limits.SERIES,
            width=6,
        ),
        plot(
            "Thrown away by Tempo",
            "Spans a minute that it discarded, by reason.",
            PER_MINUTE,
            [(per_minute("tempo_discarded_spans_total", "reason"), "{{reason}}")],
            limit=limits.LOST,
            width=6,
        ),
        plot(
            "Metrics made from spans",
            "Spans a second that Tempo's generator turned into metrics, and those that it left out.",
            PER_SECOND,
            [
                (rate("tempo_metrics_generator_spans_received_total"), "received"),
                (f"{rate('tempo_metrics_generator_spans_discarded_total')} or vector(0)", "left out"),
            ],
            width=6,
        ),
        plot(
            "Exemplars in Prometheus",
            "Exemplars that lead from a latency to a trace; the oldest make room.",
            "short",
            [('prometheus_tsdb_exemplar_exemplars_in_storage{service="prometheus"}', "stored")],
            width=6,
        ),
    ]


def _alerts() -> list:
    group = 'label_replace(%s, "group", "$1", "rule_group", ".*;(.*)")'
    return [
        plot(
            "Evaluating the rules",
            "Time that each group of rules took. A group that takes longer than its interval is late.",
            "s",
            [(group % "prometheus_rule_group_last_duration_seconds", "{{group}}")],
            limit=limits.RULES,
            width=12,
        ),
        plot(
            "From Prometheus to Alertmanager",
            "Alerts a minute sent, and those that could not be sent.",
            PER_MINUTE,
            [
                (per_minute("prometheus_notifications_sent_total"), "sent"),
                (per_minute("prometheus_notifications_errors_total"), "failed"),
                (per_minute("prometheus_notifications_dropped_total"), "dropped"),
            ],
            width=6,
        ),
        plot(
            "From Alertmanager to people",
            "Mails and other notifications of the last five minutes, and those that failed.",
            "short",
            [
                (f"sum(increase(alertmanager_notifications_total{WAYS}[5m]))", "tried"),
                (f"sum(increase(alertmanager_notifications_failed_total{WAYS}[5m]))", "failed"),
            ],
            width=6,
        ),
    ]
