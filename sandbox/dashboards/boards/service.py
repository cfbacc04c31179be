"""Dashboard of one service: requests, errors, latency, dependencies, saturation, logs."""

from typing import Any

from grafana_foundation_sdk.builders import dashboard, stat
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

from sandbox.dashboards import limits
from sandbox.dashboards.board import address, board, error_projects, service_variable
from sandbox.dashboards.panels import figure, lines, link, lokigraph, plot
from sandbox.dashboards.promql import (
    CHOSEN,
    CORES_UNIT,
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

ONLY_SPANS = "the service sends spans, but no metrics"
IDLE = "no requests"
NO_CALLS = "the service calls no other service"
NO_DATABASE = "the service has no database"


def service() -> dashboard.Dashboard:
    """Return the dashboard /d/service."""
    return board(
        "service",
        "Service",
        "One service: is it healthy, since when not, and is the cause the service or a dependency?",
        {
            "Current state": _now,
            "Requests, errors, latency": _red,
            "Dependencies": _peers,
            "Saturation": _saturation,
            "Errors and logs": _errors,
        },
        variables=[service_variable(several=False)],
    )


def _now() -> list:
    return [
        figure("Requests", "Requests per second.", "reqps", requests(), quiet=IDLE),
        figure(
            "Errors",
            "Share of responses that failed: server errors (5xx) and incomplete responses.",
            "percentunit",
            error_ratio(),
            limit=limits.ERRORS,
            quiet=IDLE,
        ),
        figure(
            "p95 latency",
            "95 % of requests were answered within this time.",
            "s",
            latency(0.95),
            limit=limits.LATENCY,
            quiet=IDLE,
        ),
        figure(
            "Requests in flight",
            "Requests that are being processed.",
            "short",
            f"sum(http_server_active_requests{{{CHOSEN}}})",
            quiet=ONLY_SPANS,
        ),
        _error_events(),
        figure(
            "Version",
            "Running version. A blue line on every graph marks a change.",
            "short",
            f"sum by (version) (build_info{{{CHOSEN}}})",
            legend="{{version}}",
            quiet=ONLY_SPANS,
        ).text_mode(common.BigValueTextMode.NAME),
    ]


def _error_events() -> stat.Panel:
    """Return the panel of error events.

    It links to the service's project in the error tracker, or to the list of projects if the project is not known here.
    """
    sent = per_minute("telemetry_error_events_total", "service", CHOSEN)
    none = f"sum by (service) (build_info{{{CHOSEN}}})"
    panel = figure(
        "Error events",
        "Errors per minute sent to the error tracker. Click to open them there.",
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

    return DynamicConfigValue(id_val="links", value=[{"title": title, "url": url}])


def _red() -> list:
    return [
        plot(
            "Responses by status",
            "Responses per second by status class. 4xx: client errors. 5xx: server errors.",
            "reqps",
            [(by_status(), "{{class}}")],
            stacked=True,
            quiet=IDLE,
        ),
        plot(
            "Error ratio",
            "Share of responses that failed: server errors (5xx) and incomplete responses.",
            "percentunit",
            [(error_ratio(), "errors")],
            limit=limits.ERRORS,
            quiet=IDLE,
        ),
        plot(
            "Latency",
            "Median, 95th and 99th percentile. Far apart: some requests wait. A diamond is one request: "
            "click it to open its trace.",
            "s",
            [(latency(0.95), "p95"), (latency(0.5), "p50"), (latency(0.99), "p99")],
            limit=limits.LATENCY,
            exemplars=True,
            quiet=IDLE,
        ),
        grid(
            "Routes",
            "The last five minutes of each route, highest error ratio first.",
            {"http_request_method": "Method", "http_route": "Route"},
            [
                Column("Requests", "reqps", requests(by=ROUTE, window="5m")),
                Column("Errors", "percentunit", error_ratio(by=ROUTE, window="5m"), limits.ERRORS),
                Column("p95 latency", "s", latency(0.95, by=ROUTE, window="5m"), limits.LATENCY),
            ],
            height=10,
            quiet="no requests in five minutes",
            sort=[("Errors", True), ("Requests", True)],
        ),
    ]


def _peers() -> list:
    calls = "http_client_request_duration_seconds"
    graph = "traces_service_graph_request"
    return [
        plot(
            "p95 latency of outgoing calls",
            "95th percentile by called service, measured by the caller. From Tempo's service graph.",
            "s",
            [(quantile(0.95, f"{graph}_client_seconds_bucket", "server", 'client=~"$service"'), "{{server}}")],
            limit=limits.LATENCY,
            quiet=NO_CALLS,
        ),
        plot(
            "Outgoing calls without response",
            "Calls per minute that failed before a response arrived, by called service and error type.",
            PER_MINUTE,
            [
                (
                    per_minute(f"{calls}_count", "server_address, error_type", CHOSEN + ',error_type!=""'),
                    "{{server_address}} {{error_type}}",
                )
            ],
            quiet="all calls got a response",
        ),
        plot(
            "Service map edges",
            "Requests per second from callers and to dependencies, from Tempo's service graph.",
            "reqps",
            [
                (rate(f"{graph}_total", "client, server", 'server=~"$service"'), "from {{client}}"),
                (rate(f"{graph}_total", "client, server", 'client=~"$service"'), "to {{server}}"),
            ],
            colours={},
            quiet="no callers and no dependencies",
        ),
    ]


def _saturation() -> list:
    busy = rate("process_cpu_seconds_total", "service", f"{CHOSEN}")
    used = f'sum by (service) (db_client_connections{{{CHOSEN},db_client_connection_state="used"}})'
    allowed = f"sum by (service) (db_client_connection_max{{{CHOSEN}}})"
    return [
        plot(
            "Event loop lag",
            "Delay of the event loop's wake-ups, 99th percentile.",
            "s",
            [(quantile(0.99, "event_loop_lag_seconds_bucket", "service", CHOSEN), "lag")],
            limit=limits.LAG,
            width=6,
            quiet=ONLY_SPANS,
        ),
        plot(
            "CPU",
            "Cores used.",
            CORES_UNIT,
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
            "Share of the allowed connections that are in use.",
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
            "Log lines by level",
            "Log lines per second by level.",
            PER_SECOND,
            [(f"sum by (detected_level) (rate({chosen}[$__auto]))", "{{detected_level}}")],
            quiet="no log lines",
        ),
        traces(
            "Failed requests",
            "Latest traces in which the service failed. Click an id to open the trace.",
            '{ resource.service.name =~ "$service" && kind = server && status = error }',
            width=16,
            quiet="no failed requests",
        ),
        lines(
            "Warnings and errors",
            "Newest first. Expand a line to see its fields. Follow trace_id to the trace.",
            chosen + ' | detected_level=~"warn|error|fatal|critical"',
            height=8,
            quiet="no warnings or errors",
        ),
    ]
