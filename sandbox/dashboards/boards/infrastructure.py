"""What everything stands on: who is up, the database, the processes, the stores and their disk."""

from grafana_foundation_sdk.builders import dashboard

from sandbox.dashboards import limits
from sandbox.dashboards.board import board
from sandbox.dashboards.panels import figure, plot, timeline
from sandbox.dashboards.promql import quantile, rate, share
from sandbox.dashboards.style import PRESENCE

__all__ = ["infrastructure"]

# A statement's span is a client's, named by its verb.
STATEMENTS = 'span_kind="SPAN_KIND_CLIENT",span_name=~"(SELECT|INSERT|UPDATE|DELETE).*"'
USED = 'sum by (service) (db_client_connections{db_client_connection_state="used"})'
ALLOWED = "sum by (service) (db_client_connection_max)"
DISK = "max(loki_ingester_wal_disk_usage_percent)"
LAG = quantile(0.99, "event_loop_lag_seconds_bucket", "service")
FILES = share("process_open_fds", "process_max_fds")
COLLECTOR = 'label_replace(%s, "service", "otel-collector", "", "")'
CORES_UNIT = "suffix: cores"
CORES = f"rate(process_cpu_seconds_total[1m]) or {COLLECTOR % 'rate(otelcol_process_cpu_seconds_total[1m])'}"


def infrastructure() -> dashboard.Dashboard:
    """The dashboard of /d/infrastructure."""
    return board(
        "infrastructure",
        "Infrastructure",
        "What everything stands on: is it there, and is any of it full?",
        {"Is it there?": _there, "Database": _database, "Processes": _processes, "Stores": _stores},
    )


def _there() -> list:
    return [
        figure(
            "Targets down",
            "Scrape targets that do not answer; Grafana does not count.",
            "short",
            'count(up{job!="optional"} == 0) or vector(0)',
            limit=limits.GONE,
        ),
        figure(
            "Disk in use",
            "Share of the disk under the stores that is in use, by whatever.",
            "percentunit",
            DISK,
            limit=limits.DISK,
        ),
        figure(
            "Fullest pool",
            "Of the services' pools of database connections, the fullest.",
            "percentunit",
            f"max({share(USED, ALLOWED)})",
            limit=limits.POOL,
        ),
        figure(
            "Busiest process",
            "Cores that it keeps busy. A service is one process and has one core.",
            CORES_UNIT,
            f"max({CORES})",
            limit=limits.CPU,
        ),
        figure(
            "Slowest event loop",
            "How late it wakes up, 99th percentile, of the service where it is latest.",
            "s",
            f"max({LAG})",
            limit=limits.LAG,
        ),
        figure(
            "Most open files",
            "Share of the files and connections that a process may have open, of the fullest.",
            "percentunit",
            f"max({FILES})",
            limit=limits.FILES,
        ).decimals(1),
        timeline(
            "Scrape targets",
            "Whether Prometheus gets metrics from each; Grafana is not run everywhere, and counts nowhere.",
            [('max by (service) (up{job!="optional"})', "{{service}}")],
            PRESENCE,
            height=9,
        ),
    ]


def _database() -> list:
    return [
        plot(
            "Pools",
            "Share of the connections it may open that each service uses.",
            "percentunit",
            [(share(USED, ALLOWED), "{{service}}")],
            limit=limits.POOL,
            width=12,
        ),
        plot(
            "Connections",
            "Connections by state, and how many a service may open.",
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
            "Statements",
            "Statements a second that each service sends, made from traces by Tempo.",
            "reqps",
            [(rate("traces_spanmetrics_calls_total", "service", STATEMENTS), "{{service}}")],
            width=12,
        ),
        plot(
            "Duration of statements",
            "95th percentile by service, seen by the service.",
            "s",
            [(quantile(0.95, "traces_spanmetrics_latency_bucket", "service", STATEMENTS), "{{service}}")],
            limit=limits.STATEMENT,
            width=12,
            quiet="no statement was sent",
        ),
    ]


def _processes() -> list:
    memory = f"process_resident_memory_bytes or {COLLECTOR % 'otelcol_process_memory_rss_bytes'}"
    return [
        plot(
            "Processor",
            "Cores that each process keeps busy.",
            CORES_UNIT,
            [(CORES, "{{service}}")],
            limit=limits.CPU,
            width=12,
            height=9,
        ),
        plot("Memory", "Resident memory of each process.", "bytes", [(memory, "{{service}}")], width=12, height=9),
        plot(
            "Event loop lag",
            "How late the event loop of each service wakes up, 99th percentile.",
            "s",
            [(LAG, "{{service}}")],
            limit=limits.LAG,
            width=12,
            height=9,
        ),
        plot(
            "Open files",
            "Share of the files and connections that each process may have open.",
            "percentunit",
            [(FILES, "{{service}}")],
            limit=limits.FILES,
            width=12,
            height=9,
        ),
        plot(
            "Age",
            "Time since each process began. A drop is a restart.",
            "s",
            [("time() - process_start_time_seconds", "{{service}}")],
            width=12,
            height=9,
        ),
        plot(
            "Calls between services",
            "Requests a second on each edge of the service map, made from traces by Tempo.",
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
            "Disk in use over time",
            "Share of the disk under the stores that is in use, by whatever.",
            "percentunit",
            [(DISK, "disk of loki")],
            limit=limits.DISK,
            width=6,
        ),
        plot(
            "Size of Prometheus",
            "Blocks and chunks on disk, and the log of what is not yet in one. Kept: two days or 512 MB.",
            "bytes",
            [
                (blocks, "blocks"),
                ('prometheus_tsdb_wal_storage_size_bytes{service="prometheus"}', "write-ahead log"),
            ],
            width=6,
        ),
        plot(
            "Loki: in memory",
            "Chunks of log lines that are not yet on disk.",
            "short",
            [("loki_ingester_memory_chunks", "chunks"), ("loki_ingester_memory_streams", "streams")],
            width=6,
        ),
        plot(
            "Tempo: in memory, and blocks",
            "Traces that still receive spans, and blocks that a search has to look into.",
            "short",
            [("tempo_ingester_live_traces", "live traces"), ("max(tempodb_blocklist_length) or vector(0)", "blocks")],
            width=6,
        ),
    ]
