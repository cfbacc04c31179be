"""The first dashboard that anybody opens: are customers served, how is business, which service is to blame."""

import json
from urllib.parse import quote

from grafana_foundation_sdk.builders import dashboard

from sandbox.dashboards import limits
from sandbox.dashboards.board import board, outside, service_variable
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
    """The dashboard of /d/overview, Grafana's home."""
    return board(
        "overview",
        "Overview",
        "Are customers served, how is business, and which service is to blame?",
        {"Now": _now, "Services": _services, "Business": _business, "Logs": _logs},
        variables=[service_variable(several=True)],
        links=[outside("Service map", _explore("tempo", {"queryType": "serviceMap"}))],
    )


def _explore(store: str, query: dict[str, str]) -> str:
    """Address of Grafana's Explore with a query filled in."""
    queries = [{"refId": "A", "datasource": {"type": store, "uid": store}, **query}]
    pane = {"datasource": store, "queries": queries, "range": {"from": "now-15m", "to": "now"}}
    return f"/explore?schemaVersion=1&panes={quote(json.dumps({'a': pane}))}"


def _now() -> list:
    answered = rate(REQUESTS, where=GATEWAY)
    return [
        figure(
            "Alerts",
            "Alerts that fire and send a mail. A click opens the view for an incident.",
            "short",
            f"count({FIRING}) or vector(0)",
            limit=limits.FIRING,
            links=[link("Incident", "/d/incident?${__url_time_range}")],
        ),
        figure(
            "Failing",
            "Share of the gateway's answers that failed: server errors (5xx), and answers that broke off.",
            "percentunit",
            f"max({error_ratio(GATEWAY)})",
            limit=limits.ERRORS,
            quiet="no requests",
        ),
        figure(
            "95th percentile",
            "95 of 100 requests were answered within this time.",
            "s",
            quantile(0.95, BUCKETS, where=GATEWAY),
            limit=limits.LATENCY,
            quiet="no requests",
        ),
        figure(
            "Requests", "Requests a second that customers make of the gateway.", "reqps", f"{answered} or vector(0)"
        ),
        figure(
            "Payments",
            "Payments a minute, whatever their outcome.",
            PER_MINUTE,
            f"{per_minute('payments_total')} or vector(0)",
        ),
        figure(
            "Targets down",
            "Scrape targets that do not answer; Grafana does not count.",
            "short",
            'count(up{job!="optional"} == 0) or vector(0)',
            limit=limits.GONE,
            links=[link("Infrastructure", "/d/infrastructure?${__url_time_range}")],
        ),
        timeline(
            "What fires",
            "Each alert, while it fired, and how bad it was.",
            [(by_severity(FIRING, "alertname"), "{{alertname}}")],
            SEVERITIES,
            height=7,
            quiet="no alert fired",
        ),
    ]


def _services() -> list:
    to_service = [link("This service", "/d/service?var-service=${__field.labels.service}&${__url_time_range}")]
    return [
        grid(
            "Services at a glance",
            "The last minutes of each service, the worst first. A click on its name opens its own dashboard.",
            {"service": "Service"},
            [
                Column("Requests", "reqps", requests(window="5m")),
                Column("Failing", "percentunit", error_ratio(window="5m"), limits.ERRORS),
                Column("95th percentile", "s", latency(0.95, window="5m"), limits.LATENCY),
                Column("99th percentile", "s", latency(0.99, window="5m")),
            ],
            links=[link("This service", "/d/service?var-service=${__value.raw}&${__url_time_range}")],
            quiet="no requests in five minutes",
            sort=[("Failing", True), ("Requests", True)],
        ),
        plot(
            "Request rate",
            "Requests a second that each service answers.",
            "reqps",
            [(requests(), "{{service}}")],
            links=to_service,
        ),
        plot(
            "Error ratio",
            "Share of each service's answers that failed: server errors (5xx), and answers that broke off.",
            "percentunit",
            [(error_ratio(), "{{service}}")],
            limit=limits.ERRORS,
            links=to_service,
            quiet="no requests",
        ),
        plot(
            "Duration, 95th percentile",
            "Time within which 95 of 100 requests were answered. A diamond is one request: click it for its trace.",
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
        plot(
            "Payments by outcome",
            "Payments a minute. Declined is the card's doing, not ours.",
            PER_MINUTE,
            [(per_minute("payments_total", "outcome"), "{{outcome}}")],
            stacked=True,
        ),
        plot(
            "Log-ins by outcome",
            "Log-ins a minute. Many failures: an attack, or a broken client.",
            PER_MINUTE,
            [(per_minute("logins_total", "outcome"), "{{outcome}}")],
            stacked=True,
        ),
        plot(
            "Journeys that fail",
            "Share of the synthetic customer's journeys (log in, pay, look, log out) that fail, seen from outside.",
            "percentunit",
            [(share(f"({steps % ('{' + FAILURE + '}')} or 0 * {steps % ''})", steps % ""), "failing")],
            limit=limits.FAILED_JOURNEYS,
            quiet="no journey",
        ),
    ]


def _logs() -> list:
    chosen = '{service_name=~"$service"}'
    return [
        lokigraph(
            "Lines by level",
            "Log lines a second by level.",
            PER_SECOND,
            [(f"sum by (detected_level) (rate({chosen}[$__auto]))", "{{detected_level}}")],
            width=8,
        ),
        lines(
            "Warnings and errors",
            "Open a line for its fields; trace_id leads to the whole request.",
            chosen + ' | detected_level=~"warn|error|fatal|critical"',
            width=16,
            height=8,
            quiet="no service warns of anything",
        ),
    ]
