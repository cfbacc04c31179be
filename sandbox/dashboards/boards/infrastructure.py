"""Dashboard of the infrastructure: availability, the database, processes, stores and their disk usage."""

from grafana_foundation_sdk.builders import dashboard

from sandbox.dashboards import limits
from sandbox.dashboards.board import board
from sandbox.dashboards.boards import shared
from sandbox.dashboards.panels import figure, plot
from sandbox.dashboards.promql import CORES_UNIT, quantile, rate, share

__all__ = ["infrastructure"]

# The span of an SQL statement is a client span named by its verb.
STATEMENTS = 'span_kind="SPAN_KIND_CLIENT",span_name=~"(SELECT|INSERT|UPDATE|DELETE).*"'
USED = 'sum by (service) (db_client_connections{db_client_connection_state="used"})'
ALLOWED = "sum by (service) (db_client_connection_max)"
DISK = "max(loki_ingester_wal_disk_usage_percent)"
LAG = quantile(0.99, "event_loop_lag_seconds_bucket", "service")
FILES = share("process_open_fds", "process_max_fds")
COLLECTOR = 'label_replace(%s, "service", "otel-collector", "", "")'
CORES = f"rate(process_cpu_seconds_total[1m]) or {COLLECTOR % 'rate(otelcol_process_cpu_seconds_total[1m])'}"


def infrastructure() -> dashboard.Dashboard:
    """Return the dashboard /d/infrastructure."""
    return board(
        "infrastructure",
        "Infrastructure",
        "Scrape targets, database, processes, stores and disk: availability and saturation.",
        {"Availability": _there, "Database": _database, "Processes": _processes, "Stores": _stores},
    )


def _there() -> list:
    return [
        shared.targets_down(),
        figure(
            "Disk usage",
            "Used share of the disk that holds the stores.",
            "percentunit",
            DISK,
            limit=limits.DISK,
        ),
        figure(
            "Highest pool usage",
            "Highest usage of a database connection pool.",
            "percentunit",
            f"max({share(USED, ALLOWED)})",
            limit=limits.POOL,
        ),
        figure(
            "Highest CPU usage",
            "Cores used by the busiest process. A service is one process and can use one core.",
            CORES_UNIT,
            f"max({CORES})",
            limit=limits.CPU,
        ),
        figure(
            "Max event loop lag",
            "Highest 99th percentile of event loop wake-up delay of all services.",
            "s",
            f"max({LAG})",
            limit=limits.LAG,
        ),
        figure(
            "Open files (max)",
            "Highest share of its file descriptor limit that a process uses.",
            "percentunit",
            f"max({FILES})",
            limit=limits.FILES,
        ).decimals(1),
        shared.scrape_targets(),
    ]


def _database() -> list:
    return [
        plot(
            "Pool usage",
            "Share of its allowed connections that each service uses.",
            "percentunit",
            [(share(USED, ALLOWED), "{{service}}")],
            limit=limits.POOL,
            width=12,
        ),
        plot(
            "Connections",
            "Connections by state, and the limit of each service.",
            "short",
            [
                (
                    "sum by (service, db_client_connection_state) (db_client_connections)",
                    "{{service}} {{db_client_connection_state}}",
                ),
                (f"{ALLOWED} > 0", "{{service}} limit"),
            ],
            width=12,
        ),
        plot(
            "SQL statements",
            "SQL statements per second by service, from Tempo's span metrics.",
            "reqps",
            [(rate("traces_spanmetrics_calls_total", "service", STATEMENTS), "{{service}}")],
            width=12,
        ),
        plot(
            "SQL latency",
            "95th percentile by service, measured by the service.",
            "s",
            [(quantile(0.95, "traces_spanmetrics_latency_bucket", "service", STATEMENTS), "{{service}}")],
            limit=limits.STATEMENT,
            width=12,
            quiet="no SQL statements",
        ),
    ]


def _processes() -> list:
    memory = f"process_resident_memory_bytes or {COLLECTOR % 'otelcol_process_memory_rss_bytes'}"
    return [
        plot(
            "CPU",
            "Cores used by each process.",
            CORES_UNIT,
            [(CORES, "{{service}}")],
            limit=limits.CPU,
            width=12,
            height=9,
        ),
        plot("Memory", "Resident memory of each process.", "bytes", [(memory, "{{service}}")], width=12, height=9),
        plot(
            "Event loop lag",
            "Delay of the event loop's wake-ups by service, 99th percentile.",
            "s",
            [(LAG, "{{service}}")],
            limit=limits.LAG,
            width=12,
            height=9,
        ),
        plot(
            "Open files",
            "Share of its file descriptor limit that each process uses.",
            "percentunit",
            [(FILES, "{{service}}")],
            limit=limits.FILES,
            width=12,
            height=9,
        ),
        plot(
            "Uptime",
            "Time since the start of each process. A drop is a restart.",
            "s",
            [("time() - process_start_time_seconds", "{{service}}")],
            width=12,
            height=9,
        ),
        plot(
            "Request rate between services",
            "Requests per second on each edge of the service map, from Tempo's service graph.",
            "reqps",
            [(rate("traces_service_graph_request_total", "client, server"), "{{client}} to {{server}}")],
            colours={},
            width=12,
            height=9,
        ),
    ]


def _stores() -> list:
    blocks = "prometheus_tsdb_storage_blocks_bytes + prometheus_tsdb_head_chunks_storage_size_bytes"
    return [
        plot(
            "Disk usage over time",
            "Used share of the disk that holds the stores.",
            "percentunit",
            [(DISK, "disk of the stores")],
            limit=limits.DISK,
            width=6,
        ),
        plot(
            "Prometheus disk usage",
            "Blocks and chunks on disk, and the write-ahead log. Retention: two days or 512 MB.",
            "bytes",
            [
                (blocks, "blocks"),
                ('prometheus_tsdb_wal_storage_size_bytes{service="prometheus"}', "write-ahead log"),
            ],
            width=6,
        ),
        plot(
            "Loki memory",
            "Chunks that are not yet on disk, and streams.",
            "short",
            [("loki_ingester_memory_chunks", "chunks"), ("loki_ingester_memory_streams", "streams")],
            width=6,
        ),
        plot(
            "Tempo traces and blocks",
            "Traces that still receive spans, and blocks that a search reads.",
            "short",
            [("tempo_ingester_live_traces", "live traces"), ("max(tempodb_blocklist_length) or vector(0)", "blocks")],
            width=6,
        ),
    ]
