"""Runs the collector alone with its real configuration, and reads what it would export to the stores."""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from sandbox.engines.native.render import Substitutions, render_copy
from sandbox.model import ROOT
from sandbox.model.compose import read_topology
from sandbox.model.documents import parse_yaml
from sandbox.testbench.collector import PORTS, free_ports, gates, started
from sandbox_testing import direct

__all__ = ["CollectorAlone", "bodies", "counted", "forwarding", "named", "stored"]


class _Store(ThreadingHTTPServer):
    """An HTTP server that accepts OTLP as JSON in place of Tempo and Loki, and keeps it."""

    daemon_threads = True

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Store

    def do_POST(self) -> None:
        self.server.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *arguments: object) -> None:
        """Suppress the access log."""


class CollectorAlone:
    """A running collector. `folder` is where it reads log files; its exports are kept in memory."""

    def __init__(self, folder: Path, ports: Mapping[int, int], store: _Store) -> None:
        self.folder = folder
        self.grpc_port = ports[4317]
        self.grpc = f"127.0.0.1:{ports[4317]}"
        self.own_metrics = f"http://127.0.0.1:{ports[8888]}/metrics"
        self.url = f"http://127.0.0.1:{ports[4318]}"
        self._store = store

    @classmethod
    @contextmanager
    def running(cls, program: Path, scratch: Path) -> Iterator["CollectorAlone"]:
        """Start a collector on free ports. Only addresses, folders and exporters differ from collector/config.yaml.

        Its persistent state is in the folder `state` of `scratch`; the next collector with the same `scratch` continues
        with it.
        """
        store = _Store()
        threading.Thread(target=store.serve_forever, daemon=True).start()
        ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        logs = scratch / "logs"
        logs.mkdir(exist_ok=True)
        files = _configuration(scratch, ports, store.server_address[1])
        arguments = [*(f"--config={path}" for path in files), *gates()]
        try:
            with started(program, arguments, {}, scratch, ports[13133]):
                yield cls(logs, ports, store)
        finally:
            store.shutdown()
            store.server_close()

    def send(self, signal: str, payload: dict[str, Any]) -> None:
        """Send one OTLP request; `signal` is traces, logs or metrics."""
        direct.post(f"{self.url}/v1/{signal}", json=payload, timeout=10).raise_for_status()

    def write_lines(self, service: str, lines: Sequence[str]) -> None:
        with (self.folder / f"{service}.jsonl").open("a", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in lines)

    def exported(self) -> str:
        """Return everything that the collector has exported so far as one text."""
        return json.dumps(self._store.received, ensure_ascii=False)

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return the exports of one kind: resourceSpans, resourceLogs or resourceMetrics."""
        return [one for each in self._store.received for one in each.get(kind, ())]

    def spans(self) -> list[dict[str, Any]]:
        scopes = [
            scope
            for each in self._store.received
            for one in each.get("resourceSpans", ())
            for scope in one["scopeSpans"]
        ]
        return [span for scope in scopes for span in scope["spans"]]

    def records(self) -> list[tuple[dict[str, str], dict[str, Any]]]:
        """Return the log records with the attributes of their resource."""
        return [
            ({item["key"]: item["value"]["stringValue"] for item in one["resource"].get("attributes", ())}, record)
            for each in self._store.received
            for one in each.get("resourceLogs", ())
            for scope in one["scopeLogs"]
            for record in scope["logRecords"]
        ]


@contextmanager
def forwarding(
    program: Path, scratch: Path, addresses: Mapping[tuple[str, int], int], environment: Mapping[str, str]
) -> Iterator[str]:
    """Start a collector as docker-compose.yml does in this environment, with other addresses; yield its OTLP address.

    ``addresses``: the stores' addresses in its configuration, as (name, port) -> port on this machine.
    """
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    (scratch / "logs").mkdir(exist_ok=True)
    places = {"/etc/otelcol-contrib": "config", "/var/lib/otelcol": "state", "/var/log/sandbox": "logs"}
    changes = Substitutions(addresses, ports, {inside: str(scratch / name) for inside, name in places.items()})
    render_copy(ROOT / "collector", scratch / "config", changes)
    service = read_topology(ROOT, environment).services["otel-collector"]
    arguments = [changes.apply(argument) for argument in service.command]
    with started(program, arguments, service.environment, scratch, ports[13133]):
        yield f"http://127.0.0.1:{ports[4318]}"


def _configuration(scratch: Path, ports: dict[int, int], store: int) -> tuple[Path, Path]:
    places = {"/var/lib/otelcol": str(scratch / "state"), "/var/log/sandbox": str(scratch / "logs")}
    real = Substitutions(addresses={}, own_ports=ports, paths=places).apply(
        (ROOT / "collector/config.yaml").read_text()
    )
    configured = parse_yaml(real)
    connectors = set(configured["connectors"])
    pipelines = {
        name: {
            "exporters": ["otlp_http/test" for one in each["exporters"][:1] if one not in connectors]
            + [one for one in each["exporters"] if one in connectors]
        }
        for name, each in configured["service"]["pipelines"].items()
    }
    exporter = {"endpoint": f"http://127.0.0.1:{store}", "encoding": "json", "compression": "none"}
    difference = {
        "exporters": {"otlp_http/test": exporter},
        "service": {"pipelines": pipelines},
    }
    rendered, overlay = scratch / "config.yaml", scratch / "overlay.yaml"
    rendered.write_text(real)
    overlay.write_text(yaml.safe_dump(difference))
    return rendered, overlay


def named(collector: CollectorAlone, marker: str) -> list[dict[str, Any]]:
    """Return the exported spans whose name contains this text."""
    return [one for one in collector.spans() if marker in one["name"]]


def bodies(collector: CollectorAlone, service: str) -> list[dict[str, Any]]:
    """Return the exported log records of a service."""
    return [record for resource, record in collector.records() if resource["service.name"] == service]


def stored(collector: CollectorAlone, service: str) -> dict[str, list[dict[str, Any]]]:
    """Return the data points of each metric of a service, the newest export last."""
    found: dict[str, list[dict[str, Any]]] = {}
    for one in collector.of("resourceMetrics"):
        if {"key": "service.name", "value": {"stringValue": service}} not in one["resource"]["attributes"]:
            continue
        for metric in (each for scope in one["scopeMetrics"] for each in scope["metrics"]):
            for kind in ("gauge", "sum", "histogram"):
                found.setdefault(metric["name"], []).extend(metric.get(kind, {}).get("dataPoints", ()))
    return found


def counted(collector: CollectorAlone, what: str, service: str) -> dict[tuple[str, str], int]:
    """Return (signal, reason) -> discarded or truncated items of a sender, as Prometheus stores them."""
    counts = {}
    for one in stored(collector, "otel-collector").get(f"collector.items.{what}", ()):
        labels = {item["key"]: item["value"]["stringValue"] for item in one["attributes"]}
        if labels["service"] == service:
            counts[labels["signal"], labels["reason"]] = int(one["asInt"])
    return counts
