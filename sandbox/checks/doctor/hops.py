"""The hops in the order in which they are checked: a hop comes after those that it depends on."""

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.checks.doctor.probes import Probes
from sandbox.model.catalog import SERVICES

__all__ = ["HOPS", "Hop"]


@dataclass(frozen=True)
class Hop:
    """One hop. `check` raises if it is broken.

    If `component` is not running, that is the cause. Otherwise `cause` and `next` are the likely cause and the next
    step.
    """

    signal: str
    way: str
    component: str
    check: Callable[[Probes], None]
    cause: str
    next: str


def _ready(signal: str, component: str, address: str, path: str) -> Hop:
    return Hop(
        signal,
        f"{component} answers",
        component,
        lambda probes: probes.answers(address, path),
        f"{component} runs but is not ready: it is starting, or what it needs is missing",
        f"make logs SERVICE={component}",
    )


def _each(
    signal: str, way: str, component: str, method: Callable[[Probes, str], None], cause: str, step: str
) -> list[Hop]:
    """Create one hop per service. {service} is replaced in the texts and in `component`."""

    def hop(service: str) -> Hop:
        return Hop(
            signal,
            way.format(service=service),
            component.format(service=service),
            lambda probes: method(probes, service),
            cause.format(service=service),
            step.format(service=service),
        )

    return [hop(service) for service in SERVICES]


HOPS: tuple[Hop, ...] = (
    *(_ready("all", service, service, "/livez") for service in SERVICES),
    _ready("traces", "otel-collector", "otel_health", "/"),
    *_each(
        "traces", "{service} → otel-collector", "{service}", Probes.spans_leave,
        "{service} sends its spans to another address: OTEL_EXPORTER_OTLP_ENDPOINT is wrong (they wait in its memory)",
        "Correct OTEL_EXPORTER_OTLP_ENDPOINT in .env.local, then `make up`",
    ),
    _ready("traces", "tempo", "tempo", "/ready"),
    *_each(
        "traces", "otel-collector → tempo ({service}'s trace)", "tempo", Probes.trace_is_stored,
        "the collector cannot deliver to Tempo: otlp_grpc/tempo in collector/config.yaml, or its queue is full",
        "make logs SERVICE=otel-collector; then its otelcol_exporter_queue_size and _send_failed_spans metrics",
    ),
    _ready("logs", "loki", "loki", "/ready"),
    *_each(
        "logs", "{service} → otel-collector → loki (access line)", "otel-collector", Probes.line_is_stored,
        "{service} writes no file (LOG_DIRECTORY, a full disk), or the collector cannot deliver to Loki",
        "make logs SERVICE={service} shows whether the line was written; then make logs SERVICE=otel-collector",
    ),
    _ready("metrics", "prometheus", "prometheus", "/-/ready"),
    *_each(
        "metrics", "prometheus → {service} (scrape)", "{service}", Probes.is_scraped,
        "{service} is not scraped: its target in prometheus/prometheus.yml, or /metrics fails",
        "Look at Status, Targets on Prometheus' page",
    ),
    _ready("errors", "bugsink", "bugsink", "/health/ready"),
    *_each(
        "errors", "{service} → bugsink (error event)", "bugsink", Probes.error_is_stored,
        "the DSN of {service} names another address, project or key (*_SENTRY_DSN, *_SENTRY_KEY)",
        "Compare SENTRY_DSN in docker-compose.yml with the projects on Bugsink's page; make logs SERVICE=bugsink",
    ),
    _ready("alerts", "alertmanager", "alertmanager", "/-/ready"),
    Hop(
        "alerts", "prometheus → alertmanager", "alertmanager", Probes.alerts_have_a_receiver,
        "Prometheus knows no Alertmanager: the alerting section of prometheus/prometheus.yml",
        "make logs SERVICE=prometheus",
    ),
    Hop(
        "all", "the collector's queues are taken by their stores", "otel-collector", Probes.queues_move,
        "its store is away, or never takes what is first in that queue",
        "runbooks/TelemetryExportFailing.md says the smallest way out",
    ),
    _ready("alerts", "mailpit", "mailpit", "/readyz"),
)  # fmt: skip
