"""One view for an incident: what fires, who is hit, what changed, what is full, what is said about it."""

from grafana_foundation_sdk.builders import dashboard

from sandbox.dashboards import limits
from sandbox.dashboards.board import address, board, outside
from sandbox.dashboards.boards.telemetry import REFUSED_A_MINUTE
from sandbox.dashboards.panels import figure, lines, link, plot, timeline
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
from sandbox.dashboards.style import CIRCUITS, PRESENCE, SEVERITIES
from sandbox.dashboards.tables import Column, grid, traces

__all__ = ["incident"]

EVERY = ""
SEVERITY = 'ALERTS{alertstate="firing",severity="%s"}'


def incident() -> dashboard.Dashboard:
    """The dashboard of /d/incident, which mails link to."""
    return board(
        "incident",
        "Incident",
        "One view for an incident, from the symptom down: read it from the top.",
        {
            "What fires": _fires,
            "Who is hit": _hit,
            "What changed": _changed,
            "What is full or refuses": _full,
            "What they say": _said,
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
            "Alerts that wake somebody.",
            "short",
            f"count({SEVERITY % 'page'}) or vector(0)",
            limit=limits.FIRING,
        ),
        figure(
            "Tickets",
            "Alerts that wait for working hours.",
            "short",
            f"count({SEVERITY % 'ticket'}) or vector(0)",
            limit=limits.FIRING,
        ),
        figure(
            "Journeys that fail",
            "Share of the synthetic customer's journeys of the last minute that failed: what customers feel.",
            "percentunit",
            share(f"({journeys % _FAILURE} or 0 * {journeys % ''})", journeys % ""),
            limit=limits.FAILED_JOURNEYS,
            quiet="no journey in the last minute",
        ),
        figure(
            "Gateway failing",
            "Share of the gateway's answers that failed: server errors (5xx), and answers that broke off.",
            "percentunit",
            f"max({error_ratio(_GATEWAY)})",
            limit=limits.ERRORS,
            quiet="no requests",
        ),
        figure(
            "Gateway, 95th percentile",
            "95 of 100 requests were answered within this time.",
            "s",
            f"max({latency(0.95, _GATEWAY)})",
            limit=limits.LATENCY,
            quiet="no requests",
        ),
        figure(
            "Telemetry refused",
            "Spans and lines a minute that the collector or a store did not take. If not 0, what is below may be late.",
            PER_MINUTE,
            REFUSED_A_MINUTE,
            limit=limits.LOST,
        ),
        grid(
            "Firing now",
            "What fires, pages first, whose it is and how long it is true. A click on a name leads to its runbook.",
            alert,
            [Column("True for", "s", since)],
            width=14,
            height=10,
            links=[
                link("Its runbook", address("PROMETHEUS_PORT", "/user/${__value.raw}.md")),
                link("Silence it", address("ALERTMANAGER_PORT", '/#/alerts?filter={alertname="${__value.raw}"}')),
            ],
            words={"Severity": {text: (text, shade) for text, shade in SEVERITIES.values()}},
            sort=[("Severity", False), ("True for", True)],
            quiet="nothing fires",
        ),
        timeline(
            "Alerts over time",
            "Each alert, while it fired. The first one is often the cause, the loudest seldom.",
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
            "Errors by service",
            "Share of answers that are server errors. The service furthest from the customer is the first suspect.",
            "percentunit",
            [(error_ratio(EVERY), "{{service}}")],
            limit=limits.ERRORS,
            quiet="no requests",
            width=6,
            links=_TO_SERVICE,
        ),
        plot(
            "95th percentile by service",
            "Time in which 95 of 100 requests were answered. A diamond is one request: click it for its trace.",
            "s",
            [(latency(0.95, EVERY), "{{service}}")],
            limit=limits.LATENCY,
            exemplars=True,
            quiet="no requests",
            width=6,
            links=_TO_SERVICE,
        ),
        plot(
            "Requests by service",
            "Requests a second. A fall without errors: customers, or what stands before the gateway, cannot reach us.",
            "reqps",
            [(requests(EVERY), "{{service}}")],
            width=6,
            links=_TO_SERVICE,
        ),
        plot(
            "Payments by outcome",
            "Payments a minute: what it costs.",
            PER_MINUTE,
            [(per_minute("payments_total", "outcome"), "{{outcome}}")],
            stacked=True,
            width=6,
        ),
    ]


_TO_SERVICE = [link("This service", "/d/service?var-service=${__field.labels.service}&${__url_time_range}")]


def _changed() -> list:
    return [
        timeline(
            "Scrape targets",
            "Whether Prometheus gets metrics from each.",
            [('max by (service) (up{job!="optional"})', "{{service}}")],
            PRESENCE,
            width=12,
            height=9,
        ),
        grid(
            "What runs",
            "Every version that runs. Two of one service: a release is under way, or half done.",
            {"service": "Service", "version": "Version", "environment": "Environment"},
            [
                Column(
                    "For",
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
            "Share of the connections it may open that each service uses.",
            "percentunit",
            [(share(used, "sum by (service) (db_client_connection_max)"), "{{service}}")],
            limit=limits.POOL,
            width=6,
        ),
        plot(
            "Event loop lag",
            "How late the event loop of each service wakes up, 99th percentile.",
            "s",
            [(quantile(0.99, "event_loop_lag_seconds_bucket", "service"), "{{service}}")],
            limit=limits.LAG,
            width=6,
        ),
        timeline(
            "Circuits",
            "Whether a service calls this peer, or refuses to because too many calls failed.",
            [("max by (peer) (circuit_open)", "{{peer}}")],
            CIRCUITS,
            width=6,
            height=8,
        ),
        plot(
            "Calls without a good answer",
            "Share of the calls that each service makes to others that were answered by a server error, or not at all.",
            "percentunit",
            [(share(f"({failed} or 0 * {every})", every), "{{service}}")],
            limit=limits.ERRORS,
            quiet="no calls",
            width=6,
        ),
    ]


def _said() -> list:
    return [
        plot(
            "Error events",
            "Errors a minute that each service sent to the error tracker.",
            PER_MINUTE,
            [(per_minute("telemetry_error_events_total", "service", 'outcome="recorded"'), "{{service}}")],
            width=8,
            quiet="no service has sent one since it began",
        ),
        traces(
            "Failing requests",
            "The newest in which a service failed; an id opens the trace.",
            "{ kind = server && status = error }",
            width=16,
            quiet="no request failed",
        ),
        lines(
            "Warnings and errors",
            "Newest first. Open a line: trace_id leads to its trace.",
            '{service_name=~".+"} | detected_level=~"warn|error|fatal|critical"',
            quiet="no service warns of anything",
        ),
    ]
