"""Dashboard for incidents: firing alerts, impact, changes, saturation, logs and errors."""

from grafana_foundation_sdk.builders import dashboard

from sandbox.dashboards import limits
from sandbox.dashboards.board import address, board, outside
from sandbox.dashboards.boards import shared
from sandbox.dashboards.panels import figure, lines, link, plot, timeline
from sandbox.dashboards.pipeline import REFUSED_A_MINUTE
from sandbox.dashboards.promql import (
    FIRING,
    PER_MINUTE,
    by_severity,
    error_ratio,
    latency,
    named,
    per_minute,
    quantile,
    rate,
    requests,
    share,
)
from sandbox.dashboards.style import CIRCUITS, SEVERITIES
from sandbox.dashboards.tables import Column, grid, traces

__all__ = ["incident"]

EVERY = ""
SEVERITY = 'ALERTS{alertstate="firing",severity="%s"}'


def incident() -> dashboard.Dashboard:
    """Return the dashboard /d/incident, to which mails link."""
    return board(
        "incident",
        "Incident",
        "One view for an incident, from the symptom to the cause. Read it from the top.",
        {
            "Firing alerts": _fires,
            "Impact": _hit,
            "Changes": _changed,
            "Saturation": _full,
            "Logs and errors": _said,
        },
        links=[
            outside("Silence or acknowledge", address("ALERTMANAGER_PORT", "/#/alerts")),
        ],
    )


def _fires() -> list:
    journeys = "sum(rate(synthetic_journeys_total%s[1m]))"
    alert = {"alertname": "Alert", "severity": "Severity", "service": "Service", "team": "Team"}
    since = named("(time() - ALERTS_FOR_STATE) and ignoring (alertstate) " + FIRING, ", ".join(alert))
    return [
        figure(
            "Pages",
            "Firing alerts of severity page.",
            "short",
            f"count({SEVERITY % 'page'}) or vector(0)",
            limit=limits.FIRING,
        ),
        figure(
            "Tickets",
            "Firing alerts of severity ticket.",
            "short",
            f"count({SEVERITY % 'ticket'}) or vector(0)",
            limit=limits.FIRING,
        ),
        figure(
            "Failed journeys",
            "Share of the synthetic customer's journeys that failed in the last minute.",
            "percentunit",
            share(f"({journeys % _FAILURE} or 0 * {journeys % ''})", journeys % ""),
            limit=limits.FAILED_JOURNEYS,
            quiet="no journey in the last minute",
        ),
        figure(
            "Gateway error ratio",
            "Share of the gateway's responses that failed: server errors (5xx) and incomplete responses.",
            "percentunit",
            f"max({error_ratio(_GATEWAY)})",
            limit=limits.ERRORS,
            quiet="no requests",
        ),
        figure(
            "Gateway p95 latency",
            "95 % of requests were answered within this time.",
            "s",
            f"max({latency(0.95, _GATEWAY)})",
            limit=limits.LATENCY,
            quiet="no requests",
        ),
        figure(
            "Rejected telemetry",
            "Spans and log lines per minute rejected by the collector or a store. Above 0, the data below may be late.",
            PER_MINUTE,
            REFUSED_A_MINUTE,
            limit=limits.LOST,
        ),
        grid(
            "Alert list",
            "Firing alerts, pages first, with owning team and active time. Click a name to open its runbook.",
            alert,
            [Column("Active for", "s", since)],
            width=14,
            height=10,
            links=[
                link("Runbook", address("PROMETHEUS_PORT", "/user/${__value.raw}.md")),
                link("Silence", address("ALERTMANAGER_PORT", '/#/alerts?filter={alertname="${__value.raw}"}')),
            ],
            words={"Severity": {text: (text, shade) for text, shade in SEVERITIES.values()}},
            sort=[("Severity", False), ("Active for", True)],
            quiet="no alert is firing",
        ),
        timeline(
            "Alert timeline",
            "Alerts and when they fired. The first alert is often the cause.",
            [(by_severity(FIRING, "alertname"), "{{alertname}}")],
            SEVERITIES,
            width=10,
            height=10,
            quiet="no alert fired",
        ),
    ]


_FAILURE = '{outcome="failure"}'
_GATEWAY = 'service="gateway"'


def _hit() -> list:
    return [
        plot(
            "Error ratio by service",
            "Share of failed responses by service. First suspect: the service furthest from the customer.",
            "percentunit",
            [(error_ratio(EVERY), "{{service}}")],
            limit=limits.ERRORS,
            quiet="no requests",
            width=6,
            links=_TO_SERVICE,
        ),
        plot(
            "p95 latency by service",
            "95 % of requests were answered within this time. A diamond is one request: click it to open its trace.",
            "s",
            [(latency(0.95, EVERY), "{{service}}")],
            limit=limits.LATENCY,
            exemplars=True,
            quiet="no requests",
            width=6,
            links=_TO_SERVICE,
        ),
        plot(
            "Request rate by service",
            "Requests per second. A drop without errors: requests do not reach the gateway.",
            "reqps",
            [(requests(EVERY), "{{service}}")],
            width=6,
            links=_TO_SERVICE,
        ),
        shared.payments_by_outcome(width=6),
    ]


_TO_SERVICE = [link("Service dashboard", "/d/service?var-service=${__field.labels.service}&${__url_time_range}")]


def _changed() -> list:
    return [
        shared.scrape_targets(width=12),
        grid(
            "Running versions",
            "Running version of each service. Two versions of one service: a release is in progress or incomplete.",
            {"service": "Service", "version": "Version", "environment": "Environment"},
            [
                Column(
                    "Running for",
                    "s",
                    "(time() - max by (service) (process_start_time_seconds)) * on (service) "
                    "group_right () max by (service, version, environment) (build_info)",
                )
            ],
            width=12,
            height=9,
        ),
    ]


def _full() -> list:
    used = 'sum by (service) (db_client_connections{db_client_connection_state="used"})'
    calls, unanswered = "http_client_request_duration_seconds_count", 'http_response_status_code!~"[1-4].."'
    failed, every = rate(calls, "service", unanswered, "1m"), rate(calls, "service", window="1m")
    return [
        plot(
            "Database pools",
            "Share of its allowed connections that each service uses.",
            "percentunit",
            [(share(used, "sum by (service) (db_client_connection_max)"), "{{service}}")],
            limit=limits.POOL,
            width=6,
        ),
        plot(
            "Event loop lag",
            "Delay of the event loop's wake-ups by service, 99th percentile.",
            "s",
            [(quantile(0.99, "event_loop_lag_seconds_bucket", "service"), "{{service}}")],
            limit=limits.LAG,
            width=6,
        ),
        timeline(
            "Circuit breakers",
            "State of the circuit breaker for each peer. Open: calls are rejected because too many failed.",
            [("max by (peer) (circuit_open)", "{{peer}}")],
            CIRCUITS,
            width=6,
            height=8,
        ),
        plot(
            "Failed outgoing calls",
            "Share of each service's outgoing calls that got a server error or no response.",
            "percentunit",
            [(share(f"({failed} or 0 * {every})", every), "{{service}}")],
            limit=limits.ERRORS,
            quiet="no outgoing calls",
            width=6,
        ),
    ]


def _said() -> list:
    return [
        plot(
            "Error events",
            "Errors per minute that each service sent to the error tracker.",
            PER_MINUTE,
            [(per_minute("telemetry_error_events_total", "service", 'outcome="recorded"'), "{{service}}")],
            width=8,
            quiet="no service has sent an error since its start",
        ),
        traces(
            "Failed requests",
            "Latest requests with a failed service. Click an id to open its trace.",
            "{ kind = server && status = error }",
            width=16,
            quiet="no request failed",
        ),
        lines(
            "Warnings and errors",
            "Newest first. Expand a line and follow trace_id to its trace.",
            '{service_name=~".+"} | detected_level=~"warn|error|fatal|critical"',
            quiet="no warnings or errors",
        ),
    ]
