"""Runs the collector alone with its real configuration, and records what it would export to the stores."""

import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import yaml

from sandbox.engines.native.render import Substitutions, render_copy
from sandbox.model import ROOT
from sandbox.model.compose import read_topology
from sandbox.model.documents import parse_yaml
from sandbox_testing.polling import eventually

__all__ = ["PORTS", "CollectorAlone", "forwarding", "free_ports", "gates", "started"]

PORTS = (4317, 4318, 8888, 13133)


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
        httpx.post(f"{self.url}/v1/{signal}", json=payload, timeout=10, trust_env=False).raise_for_status()

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


@contextmanager
def started(
    program: Path, arguments: Sequence[str], environment: Mapping[str, str], scratch: Path, health: int
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the program while the block runs. The block starts when the program is healthy at this port.

    Its output is in `scratch`.
    """
    output = scratch / "output"
    with output.open("wb") as stream:
        process = subprocess.Popen(
            [program, *arguments],
            env={**os.environ, "DEPLOYMENT_ENVIRONMENT": "dev", **environment},
            stdout=stream,
            stderr=stream,
        )
    try:
        eventually("a healthy collector", lambda: _healthy(process, health, output))
        yield process
    finally:
        process.terminate()
        process.wait(timeout=20)


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


def gates() -> list[str]:
    """Return the arguments in docker-compose.yml other than the configuration file."""
    command = parse_yaml((ROOT / "docker-compose.yml").read_text())["services"]["otel-collector"]["command"]
    return [argument for argument in command if not argument.startswith("--config")]


def _healthy(process: subprocess.Popen[bytes], port: int, output: Path) -> bool:
    if process.poll() is not None:
        raise RuntimeError(f"the collector ended with status {process.returncode}:\n{output.read_text()}")
    try:
        return httpx.get(f"http://127.0.0.1:{port}/", trust_env=False).is_success
    except httpx.TransportError:
        return False


def free_ports(count: int) -> list[int]:
    """Return ports on which nothing is listening now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
