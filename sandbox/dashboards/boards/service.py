"""One service: its requests, errors and duration, what it waits for, how full it is, what it logs."""

from typing import Any

from grafana_foundation_sdk.builders import dashboard, stat
from grafana_foundation_sdk.models import common

from sandbox.dashboards import limits
from sandbox.dashboards.board import address, board, error_projects, service_variable
from sandbox.dashboards.panels import figure, lines, link, lokigraph, plot
from sandbox.dashboards.promql import (
    CHOSEN,
    PER_MINUTE,
    PER_SECOND,
    ROUTE,
    by_status,
    error_ratio,
    latency,
    per_minute,
    quantile,
    rate,
    requests,
    share,
)
from sandbox.dashboards.tables import Column, grid, traces

__all__ = ["service"]

ONLY_SPANS = "the service sends spans and no metrics of its own"
IDLE = "no requests"
NO_CALLS = "the service calls nobody"
NO_DATABASE = "the service has no database"


def service() -> dashboard.Dashboard:
    """The dashboard of /d/service."""
    return board(
        "service",
        "Service",
        "One service: is it well, since when not, and is it the service itself or what it calls?",
        {
            "Now": _now,
            "Requests, errors, duration": _red,
            "What it calls, and who calls it": _peers,
            "Saturation": _saturation,
            "Errors and logs": _errors,
        },
        variables=[service_variable(several=False)],
    )


def _now() -> list:
    return [
        figure("Requests", "Requests a second that it answers.", "reqps", requests(), quiet=IDLE),
        figure(
            "Failing",
            "Share of its answers that failed: server errors (5xx), and answers that broke off.",
            "percentunit",
            error_ratio(),
            limit=limits.ERRORS,
            quiet=IDLE,
        ),
        figure(
            "95th percentile",
            "95 of 100 requests were answered within.",
            "s",
            latency(0.95),
            limit=limits.LATENCY,
            quiet=IDLE,
        ),
        figure(
            "In flight",
            "Requests being answered right now.",
            "short",
            f"sum(http_server_active_requests{{{CHOSEN}}})",
            quiet=ONLY_SPANS,
        ),
        _error_events(),
        figure(
            "Version",
            "What runs. A change is a blue mark on every graph.",
            "short",
            f"sum by (version) (build_info{{{CHOSEN}}})",
            legend="{{version}}",
            quiet=ONLY_SPANS,
        ).text_mode(common.BigValueTextMode.NAME),
    ]


def _error_events() -> stat.Panel:
    """Leads to the service's own project in the error tracker; a service without one leads to the list of all."""
    sent = per_minute("telemetry_error_events_total", "service", CHOSEN)
    none = f"sum by (service) (build_info{{{CHOSEN}}})"
    panel = figure(
        "Error events",
        "Errors a minute that it sent to the error tracker. A click opens them there.",
        PER_MINUTE,
        f"({sent}) or 0 * {none}",
        legend="{{service}}",
        links=[link("Errors of all projects", address("BUGSINK_PORT"))],
        quiet=ONLY_SPANS,
    )
    for name, url in error_projects().items():
        panel.override_by_name(name, [_links(f"Errors of {name}", url)])
    return panel


def _links(title: str, url: str) -> Any:
    from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

    return DynamicConfigValue(id_val="links", value=[{"title": title, "url": url}])


def _red() -> list:
    return [
        plot(
            "Answers by status",
            "Answers a second by class. 4xx are the client's doing, 5xx ours.",
            "reqps",
            [(by_status(), "{{class}}")],
            stacked=True,
            quiet=IDLE,
        ),
        plot(
            "Error ratio",
            "Share of answers that failed: server errors (5xx), and answers that broke off.",
            "percentunit",
            [(error_ratio(), "failing")],
            limit=limits.ERRORS,
            quiet=IDLE,
        ),
        plot(
            "Duration",
            "Median, 95th and 99th percentile. Far apart: something waits now and then. A diamond is one request: "
            "click it for its trace.",
            "s",
            [(latency(0.95), "95th percentile"), (latency(0.5), "median"), (latency(0.99), "99th")],
            limit=limits.LATENCY,
            exemplars=True,
            quiet=IDLE,
        ),
        grid(
            "Routes",
            "The last five minutes of each route, the worst first.",
            {"http_request_method": "Method", "http_route": "Route"},
            [
                Column("Requests", "reqps", requests(by=ROUTE, window="5m")),
                Column("Failing", "percentunit", error_ratio(by=ROUTE, window="5m"), limits.ERRORS),
                Column("95th percentile", "s", latency(0.95, by=ROUTE, window="5m"), limits.LATENCY),
            ],
            height=10,
            quiet="no requests in five minutes",
            sort=[("Failing", True), ("Requests", True)],
        ),
    ]


def _peers() -> list:
    calls = "http_client_request_duration_seconds"
    graph = "traces_service_graph_request"
    return [
        plot(
            "Duration of its calls",
            "95th percentile by whom it calls, seen by the caller; made from traces by Tempo.",
            "s",
            [(quantile(0.95, f"{graph}_client_seconds_bucket", "server", 'client=~"$service"'), "{{server}}")],
            limit=limits.LATENCY,
            quiet=NO_CALLS,
        ),
        plot(
            "Calls without an answer",
            "Calls a minute that failed before an answer came, by whom it called and why.",
            PER_MINUTE,
            [
                (
                    per_minute(f"{calls}_count", "server_address, error_type", CHOSEN + ',error_type!=""'),
                    "{{server_address}} {{error_type}}",
                )
            ],
            quiet="every call was answered",
        ),
        plot(
            "Edges of the service map",
            "Requests a second between it and its neighbours, made from traces by Tempo.",
            "reqps",
            [
                (rate(f"{graph}_total", "client, server", 'server=~"$service"'), "from {{client}}"),
                (rate(f"{graph}_total", "client, server", 'client=~"$service"'), "to {{server}}"),
            ],
            colours={},
            quiet="it has no neighbours",
        ),
    ]


def _saturation() -> list:
    busy = rate("process_cpu_seconds_total", "service", f"{CHOSEN}")
    used = f'sum by (service) (db_client_connections{{{CHOSEN},db_client_connection_state="used"}})'
    allowed = f"sum by (service) (db_client_connection_max{{{CHOSEN}}})"
    return [
        plot(
            "Event loop lag",
            "How late the event loop wakes up, 99th percentile.",
            "s",
            [(quantile(0.99, "event_loop_lag_seconds_bucket", "service", CHOSEN), "lag")],
            limit=limits.LAG,
            width=6,
            quiet=ONLY_SPANS,
        ),
        plot(
            "Processor",
            "Cores that it keeps busy.",
            "short",
            [(busy, "cores")],
            limit=limits.CPU,
            width=6,
            quiet=ONLY_SPANS,
        ),
        plot(
            "Memory",
            "Resident memory.",
            "bytes",
            [(f"process_resident_memory_bytes{{{CHOSEN}}}", "resident")],
            width=6,
            quiet=ONLY_SPANS,
        ),
        plot(
            "Database pool",
            "Share of the connections it may open that are in use.",
            "percentunit",
            [(share(used, allowed), "in use")],
            limit=limits.POOL,
            width=6,
            quiet=NO_DATABASE,
        ),
    ]


def _errors() -> list:
    chosen = '{service_name=~"$service"}'
    return [
        lokigraph(
            "Lines by level",
            "Log lines a second by level.",
            PER_SECOND,
            [(f"sum by (detected_level) (rate({chosen}[$__auto]))", "{{detected_level}}")],
            quiet="it writes no log lines",
        ),
        traces(
            "Failing requests",
            "The newest traces in which it failed; an id opens the trace.",
            '{ resource.service.name =~ "$service" && kind = server && status = error }',
            width=16,
            quiet="nothing failed",
        ),
        lines(
            "Warnings and errors",
            "Newest first. Open a line for its fields; trace_id leads to the whole request.",
            chosen + ' | detected_level=~"warn|error|fatal|critical"',
            height=8,
            quiet="nothing to complain about",
        ),
    ]
