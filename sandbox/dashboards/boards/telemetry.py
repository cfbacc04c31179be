"""Dashboard of the telemetry pipeline: whether telemetry reaches its store and alerts are delivered."""

from grafana_foundation_sdk.builders import dashboard

from sandbox.dashboards import limits
from sandbox.dashboards.board import board
from sandbox.dashboards.boards import shared
from sandbox.dashboards.panels import figure, plot
from sandbox.dashboards.pipeline import (
    FLOWS,
    FULLNESS,
    LOST_EVENTS,
    LOST_SPANS,
    QUEUE,
    REFUSED,
    REFUSED_A_MINUTE,
    SENT_SPANS,
    WAYS,
    all_of,
    either,
)
from sandbox.dashboards.promql import PER_MINUTE, PER_SECOND, per_minute, rate, share

__all__ = ["telemetry"]


def telemetry() -> dashboard.Dashboard:
    """Return the dashboard /d/telemetry."""
    return board(
        "telemetry",
        "Telemetry pipeline",
        "Can the other dashboards be trusted? The path of each signal to its store, and of alerts to their recipients.",
        {
            "Current state": _now,
            "Services": _sent,
            "Collector": _collector,
            "Stores": _stores,
            "Rules and alerts": _alerts,
        },
    )


def _now() -> list:
    return [
        figure(
            "Lost spans",
            "Spans per minute that services, and the gateway for browsers, could not deliver or queue.",
            PER_MINUTE,
            f"{LOST_SPANS} or vector(0)",
            limit=limits.LOST,
        ),
        figure(
            "Rejected telemetry",
            "Spans and log lines per minute rejected by the collector or a store. Senders retry.",
            PER_MINUTE,
            REFUSED_A_MINUTE,
            limit=limits.LOST,
        ),
        figure(
            "Highest queue usage",
            "Highest usage of a collector queue to a store.",
            "percentunit",
            f"max({FULLNESS})",
            limit=limits.QUEUE,
        ).decimals(1),
        figure(
            "Lost error events",
            "Per minute: errors of services and browsers that did not reach the error tracker, and its "
            "webhook calls that did not reach Alertmanager.",
            PER_MINUTE,
            all_of(LOST_EVENTS),
            limit=limits.LOST,
        ),
        shared.targets_down(),
        figure(
            "Failed notifications",
            "Notifications per minute that Alertmanager could not deliver.",
            PER_MINUTE,
            f"60 * sum(rate(alertmanager_notifications_failed_total{WAYS}[1m]))",
            limit=limits.LOST,
        ),
    ]


def _sent() -> list:
    return [
        plot(
            "Spans sent",
            "Spans per second of services and browsers. Sent: left the queue. Delivered: accepted by the collector. "
            "Queue full, not delivered: lost by that service.",
            PER_SECOND,
            SENT_SPANS,
            width=8,
        ),
        plot(
            "Span queue usage",
            "Queue usage by service. The queue fills while the collector is down. When full, it drops the oldest span.",
            "percentunit",
            [(share(*QUEUE), "{{service}}")],
            limit=limits.QUEUE,
            width=8,
        ),
        plot(
            "Error events",
            "Per minute: errors of services and browsers by outcome, and alerts of the relay.",
            PER_MINUTE,
            [(either(per_minute, LOST_EVENTS), "{{service}} {{app}} {{outcome}}")],
            width=8,
            quiet="no error reported yet",
        ),
    ]


def _collector() -> list:
    return [
        plot(
            "Collector throughput",
            "Spans and log lines per second. The difference between in and out is in the queues.",
            PER_SECOND,
            [(rate(metric), legend) for metric, legend in FLOWS.items()],
        ),
        plot(
            "Log lines",
            "Lines per second written by services, by level, and received by Loki. The two totals are equal.",
            PER_SECOND,
            [
                (rate("telemetry_log_lines_total", "level"), "written {{level}}"),
                (rate("loki_distributor_lines_received_total"), "stored"),
            ],
        ),
        plot(
            "Queue usage",
            "Usage of the queue to each store. Queues are on disk and survive a restart.",
            "percentunit",
            [(f'label_replace({FULLNESS}, "store", "$1", "exporter", "(?:.*/)?(.*)")', "{{store}}")],
            limit=limits.QUEUE,
        ),
        plot(
            "Rejected and failed",
            "Per minute: rejected for missing capacity, or by a store.",
            PER_MINUTE,
            [(f"60 * ({rate(name, window='1m')} or vector(0))", legend) for name, legend in REFUSED.items()],
            limit=limits.LOST,
            width=12,
        ),
        plot(
            "Collector memory",
            "Resident memory. From 160 MiB, the collector rejects incoming data.",
            "bytes",
            [("otelcol_process_memory_rss_bytes", "resident")],
            limit=limits.COLLECTOR_MEMORY,
            width=12,
        ),
    ]


def _stores() -> list:
    return [
        plot(
            "Ingestion rate by store",
            "Per second: samples (Prometheus), log lines (Loki), spans (Tempo).",
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
            "Duration of the five slowest scrapes.",
            "s",
            [("topk(5, scrape_duration_seconds)", "{{service}}")],
            limit=limits.SCRAPE,
            colours={},
            width=12,
        ),
        plot(
            "Series in Prometheus",
            "Series in memory. Each new label value adds series.",
            "short",
            [('prometheus_tsdb_head_series{service="prometheus"}', "series")],
            limit=limits.SERIES,
            width=6,
        ),
        plot(
            "Spans discarded by Tempo",
            "Discarded spans per minute, by reason.",
            PER_MINUTE,
            [(per_minute("tempo_discarded_spans_total", "reason"), "{{reason}}")],
            limit=limits.LOST,
            width=6,
        ),
        plot(
            "Span metrics in Tempo",
            "Spans per second received by Tempo's metrics generator, and spans omitted from metrics.",
            PER_SECOND,
            [
                (rate("tempo_metrics_generator_spans_received_total"), "received"),
                (f"{rate('tempo_metrics_generator_spans_discarded_total')} or vector(0)", "omitted"),
            ],
            width=6,
        ),
        plot(
            "Exemplars in Prometheus",
            "Stored exemplars, which link a latency to a trace. New ones replace the oldest.",
            "short",
            [('prometheus_tsdb_exemplar_exemplars_in_storage{service="prometheus"}', "stored")],
            width=6,
        ),
    ]


def _alerts() -> list:
    group = 'label_replace(%s, "group", "$1", "rule_group", ".*;(.*)")'
    return [
        plot(
            "Rule evaluation duration",
            "Evaluation time of each rule group. A group that takes longer than its interval is late.",
            "s",
            [(group % "prometheus_rule_group_last_duration_seconds", "{{group}}")],
            limit=limits.RULES,
            width=12,
        ),
        plot(
            "Alerts to Alertmanager",
            "Alerts per minute from Prometheus: sent, failed and dropped.",
            PER_MINUTE,
            [
                (per_minute("prometheus_notifications_sent_total"), "sent"),
                (per_minute("prometheus_notifications_errors_total"), "failed"),
                (per_minute("prometheus_notifications_dropped_total"), "dropped"),
            ],
            width=6,
        ),
        plot(
            "Notifications",
            "Notification attempts of the last five minutes (mail and others), and failures.",
            "short",
            [
                (f"sum(increase(alertmanager_notifications_total{WAYS}[5m]))", "attempted"),
                (f"sum(increase(alertmanager_notifications_failed_total{WAYS}[5m]))", "failed"),
            ],
            width=6,
        ),
    ]
