"""Home dashboard: service to customers, business figures, failing services."""

import json
from urllib.parse import quote

from grafana_foundation_sdk.builders import dashboard

from sandbox.dashboards import limits
from sandbox.dashboards.board import board, outside, service_variable
from sandbox.dashboards.boards import shared
from sandbox.dashboards.panels import figure, lines, link, lokigraph, plot, timeline
from sandbox.dashboards.promql import (
    BUCKETS,
    FIRING,
    PER_MINUTE,
    PER_SECOND,
    REQUESTS,
    by_severity,
    error_ratio,
    latency,
    per_minute,
    quantile,
    rate,
    requests,
    share,
)
from sandbox.dashboards.style import SEVERITIES
from sandbox.dashboards.tables import Column, grid

__all__ = ["overview"]

GATEWAY = 'service="gateway"'
FAILURE = 'outcome="failure"'


def overview() -> dashboard.Dashboard:
    """Return the dashboard /d/overview, Grafana's home."""
    return board(
        "overview",
        "Overview",
        "Are customers served, how is business, and which service is at fault?",
        {"Current state": _now, "Services": _services, "Business": _business, "Logs": _logs},
        variables=[service_variable(several=True)],
        links=[outside("Service map", _explore("tempo", {"queryType": "serviceMap"}))],
    )


def _explore(store: str, query: dict[str, str]) -> str:
    """Return the URL of Grafana's Explore with a query filled in."""
    queries = [{"refId": "A", "datasource": {"type": store, "uid": store}, **query}]
    pane = {"datasource": store, "queries": queries, "range": {"from": "now-15m", "to": "now"}}
    return f"/explore?schemaVersion=1&panes={quote(json.dumps({'a': pane}))}"


def _now() -> list:
    answered = rate(REQUESTS, where=GATEWAY)
    return [
        figure(
            "Firing alerts",
            "Firing alerts that notify. Click to open the incident dashboard.",
            "short",
            f"count({FIRING}) or vector(0)",
            limit=limits.FIRING,
            links=[link("Incident", "/d/incident?${__url_time_range}")],
        ),
        figure(
            "Errors",
            "Share of the gateway's responses that failed: server errors (5xx) and incomplete responses.",
            "percentunit",
            f"max({error_ratio(GATEWAY)})",
            limit=limits.ERRORS,
            quiet="no requests",
        ),
        figure(
            "p95 latency",
            "95 % of requests were answered within this time.",
            "s",
            quantile(0.95, BUCKETS, where=GATEWAY),
            limit=limits.LATENCY,
            quiet="no requests",
        ),
        figure("Requests", "Requests per second to the gateway.", "reqps", f"{answered} or vector(0)"),
        figure(
            "Payments",
            "Payments per minute, all outcomes.",
            PER_MINUTE,
            f"{per_minute('payments_total')} or vector(0)",
        ),
        shared.targets_down([link("Infrastructure", "/d/infrastructure?${__url_time_range}")]),
        timeline(
            "Alert timeline",
            "Alerts, when they fired, and their severity.",
            [(by_severity(FIRING, "alertname"), "{{alertname}}")],
            SEVERITIES,
            height=7,
            quiet="no alert fired",
        ),
    ]


def _services() -> list:
    to_service = [link("Service dashboard", "/d/service?var-service=${__field.labels.service}&${__url_time_range}")]
    return [
        grid(
            "Service overview",
            "The last five minutes of each service, highest error ratio first. Click a name for its dashboard.",
            {"service": "Service"},
            [
                Column("Requests", "reqps", requests(window="5m")),
                Column("Errors", "percentunit", error_ratio(window="5m"), limits.ERRORS),
                Column("p95 latency", "s", latency(0.95, window="5m"), limits.LATENCY),
                Column("p99 latency", "s", latency(0.99, window="5m")),
            ],
            links=[link("Service dashboard", "/d/service?var-service=${__value.raw}&${__url_time_range}")],
            quiet="no requests in five minutes",
            sort=[("Errors", True), ("Requests", True)],
        ),
        plot(
            "Request rate",
            "Requests per second by service.",
            "reqps",
            [(requests(), "{{service}}")],
            links=to_service,
        ),
        plot(
            "Error ratio",
            "Share of each service's responses that failed: server errors (5xx) and incomplete responses.",
            "percentunit",
            [(error_ratio(), "{{service}}")],
            limit=limits.ERRORS,
            links=to_service,
            quiet="no requests",
        ),
        plot(
            "p95 latency by service",
            "95 % of requests were answered within this time. A diamond is one request: click it to open its trace.",
            "s",
            [(latency(0.95), "{{service}}")],
            limit=limits.LATENCY,
            exemplars=True,
            links=to_service,
            quiet="no requests",
        ),
    ]


def _business() -> list:
    steps = "sum(rate(synthetic_journeys_total%s[1m]))"
    return [
        shared.payments_by_outcome(),
        shared.logins_by_outcome(),
        plot(
            "Failed journeys",
            "Share of the synthetic customer's journeys (log in, pay, view, log out) that fail.",
            "percentunit",
            [(share(f"({steps % ('{' + FAILURE + '}')} or 0 * {steps % ''})", steps % ""), "failed")],
            limit=limits.FAILED_JOURNEYS,
            quiet="no journeys",
        ),
    ]


def _logs() -> list:
    chosen = '{service_name=~"$service"}'
    return [
        lokigraph(
            "Log lines by level",
            "Log lines per second by level.",
            PER_SECOND,
            [(f"sum by (detected_level) (rate({chosen}[$__auto]))", "{{detected_level}}")],
            width=8,
        ),
        lines(
            "Warnings and errors",
            "Expand a line to see its fields. Follow trace_id to the trace.",
            chosen + ' | detected_level=~"warn|error|fatal|critical"',
            width=16,
            height=8,
            quiet="no warnings or errors",
        ),
    ]
