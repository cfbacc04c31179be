"""Measures the collector's CPU time per item, alternating between the current configuration and an earlier one."""

import json
import os
import secrets
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import yaml

from loadtest import sink
from sandbox.engines.native.programs import program
from sandbox.engines.native.render import Substitutions
from sandbox.model.compose import read_topology
from sandbox.model.documents import parse_yaml
from sandbox.model.errors import StackError
from sandbox.testbench.collector import PORTS, free_ports, gates, started
from sandbox.testbench.otlp import attributes, logs, serialized, span, traces, value
from sandbox_testing import direct
from sandbox_testing.polling import eventually

__all__ = ["collector_cost", "section"]

CONFIGURATION = "collector/config.yaml"
# The last commit before senders of any kind were supported.
BEFORE = "715886c"
ITEMS_OF_REQUEST, REQUESTS, WARM = 200, 200, 20
STATEMENT = (
    "INSERT INTO payments (id, account_id, amount, status) VALUES ($1::UUID, $2::UUID, $3::INTEGER, $4::VARCHAR)"
)
STACK = "Traceback (most recent call last):\n" + '  File "/app/payments/service.py", line 108, in settle\n' * 8
HTTP = {"http.request.method": "POST", "url.scheme": "http", "http.response.status_code": 201, "server.port": 8000}
# The spans of a payment: a server span, a call of another service, a database statement and an internal step.
SPANS: dict[str, dict[str, Any]] = {
    "POST /api/payments": HTTP | {"http.route": "/api/payments", "payment.id": "0198f2a4-7b3c-7c1e-9d2a-412341234123"},
    "POST": HTTP | {"url.template": "/charges", "server.address": "acquirer", "peer.service": "acquirer"},
    "INSERT payments": {"db.system.name": "postgresql", "db.namespace": "payments", "db.query.text": STATEMENT},
    "settle": {"code.function.name": "payments.service.settle", "payment.outcome": "captured"},
}


def collector_cost(root: Path, rounds: int) -> dict[str, object]:
    """Return CPU microseconds of the collector per item, by kind and configuration.

    Raises StackError if the earlier configuration is missing.
    """
    earlier = subprocess.run(
        ["git", "show", f"{BEFORE}:{CONFIGURATION}"], cwd=root, capture_output=True, text=True, check=False
    )
    if earlier.returncode:
        raise StackError(
            f"This clone has no commit {BEFORE}, which the collector's cost is held against.", "Fetch all."
        )
    texts = {"before": earlier.stdout, "now": (root / CONFIGURATION).read_text()}
    costs: dict[str, dict[str, list[float]]] = {}
    for _ in range(rounds):
        for name, text in texts.items():
            with _running(root, text) as collector:
                for kind, send in KINDS.items():
                    cost = collector.cost(send)
                    costs.setdefault(kind, {}).setdefault(name, []).append(round(cost, 1))
    return {"before": BEFORE, "rounds": rounds, "microseconds": costs}


def section(figure: Mapping[str, Any]) -> str:
    """Return the section of docs/figures.md."""
    rows = ""
    for kind, costs in figure["microseconds"].items():
        before, now = median(costs["before"]), median(costs["now"])
        rows += f"| {kind} | {before:.0f} | {now:.0f} | {1e6 / before:,.0f} | {1e6 / now:,.0f} | {before / now:.2f} |\n"
    return (
        "## Cost of an item in the collector\n\n"
        "CPU time of the collector process for spans and log lines, with queues on disk and a store that discards "
        f"everything. It runs alternately with the configuration of `{figure['before']}` (before it accepted arbitrary "
        f"senders) and with the current one; the values are medians of {figure['rounds']} rounds. Throughput of one "
        "core (target: 0.80 of before, or more):\n\n"
        "| | CPU µs before | now | items/s before | now | share of before |\n|---|---|---|---|---|---|\n" + rows
    )


@dataclass(frozen=True)
class _Collector:
    client: httpx.Client
    address: str
    metrics: str
    lines: Path
    process: subprocess.Popen[bytes]

    def cost(self, send: Callable[["_Collector", int], None]) -> float:
        """Return CPU microseconds per item that was received and exported."""
        self._through(send, WARM)
        before = self._cpu_seconds()
        self._through(send, REQUESTS)
        return (self._cpu_seconds() - before) / (REQUESTS * ITEMS_OF_REQUEST) * 1e6

    def _through(self, send: Callable[["_Collector", int], None], requests: int) -> None:
        expected = self._gone() + requests * ITEMS_OF_REQUEST
        send(self, requests)
        eventually("every item at the store", self._gone, lambda gone: gone >= expected, timeout=120, interval=0.25)

    def _gone(self) -> float:
        text = self.client.get(self.metrics).text
        kinds = ("otelcol_exporter_sent_spans_total", "otelcol_exporter_sent_log_records_total")
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(kinds))

    def _cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def post(self, signal: str, request: bytes, times: int) -> None:
        for _ in range(times):
            kind = {"Content-Type": "application/x-protobuf"}
            self.client.post(f"{self.address}/v1/{signal}", content=request, headers=kind).raise_for_status()


def _send_spans(collector: _Collector, requests: int) -> None:
    events = [
        {"name": "exception", "attributes": attributes({"exception.type": "Timeout", "exception.stacktrace": STACK})}
    ]
    made = [span(name, attributes=attributes(of)) for name, of in SPANS.items()] * (ITEMS_OF_REQUEST // len(SPANS))
    # One in twenty fails.
    failing = [one | ({"events": events} if number % 20 == 0 else {}) for number, one in enumerate(made)]
    collector.post("traces", serialized("traces", traces("payments", *failing)), requests)


def _send_lines(collector: _Collector, requests: int) -> None:
    record: dict[str, Any] = {
        "timeUnixNano": str(time.time_ns()),
        "severityText": "INFO",
        "body": value("order 88 was shipped to the depot"),
    }
    record["attributes"] = attributes({"code.function.name": "ship", "code.line.number": 88, "thread.name": "worker"})
    collector.post("logs", serialized("logs", logs("shop", *[record] * ITEMS_OF_REQUEST)), requests)


def _write_lines(collector: _Collector, requests: int) -> None:
    line: dict[str, Any] = {"timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "level": "INFO"}
    line |= {"message": "request completed", "service": "payments", "environment": "dev", "version": "1.2.3"}
    line |= {"durationMs": 12.345, "event": "http.request", "method": "POST", "route": "/api/payments", "status": 201}
    with collector.lines.open("a") as file:
        for _ in range(requests * ITEMS_OF_REQUEST):
            ids = {"traceId": secrets.token_hex(16), "spanId": secrets.token_hex(8)}
            file.write(json.dumps(line | ids) + "\n")


KINDS = {"spans": _send_spans, "lines over OTLP": _send_lines, "lines of files": _write_lines}


@contextmanager
def _running(root: Path, configuration: str) -> Iterator[_Collector]:
    """Run a collector with this configuration and its queues on disk; its store discards everything."""
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    environment = read_topology(root, {}).services["otel-collector"].environment
    with sink.running() as store, tempfile.TemporaryDirectory(prefix="collector-cost-") as folder:
        (Path(folder) / "logs").mkdir()
        file = Path(folder) / "config.yaml"
        file.write_text(yaml.safe_dump(_changed(configuration, Path(folder), ports, store)))
        otelcol = program("IMAGE_OTEL_COLLECTOR", "/otelcol-contrib")
        arguments = [f"--config={file}", *gates()]
        with (
            started(otelcol, arguments, environment, Path(folder), ports[13133]) as process,
            httpx.Client(timeout=30, trust_env=False, verify=direct.certificates()) as client,
        ):
            places = (f"http://127.0.0.1:{ports[4318]}", f"http://127.0.0.1:{ports[8888]}/metrics")
            yield _Collector(client, *places, Path(folder) / "logs/payments.jsonl", process)


def _changed(text: str, folder: Path, ports: dict[int, int], store: str) -> dict[str, Any]:
    """Return the configuration with free ports, separate folders and one destination, `store`.

    All exporters send to it, gRPC or not.
    """
    paths = {"/var/lib/otelcol": str(folder / "state"), "/var/log/sandbox": str(folder / "logs")}
    configured = parse_yaml(Substitutions({}, ports, paths).apply(text))
    exporters = configured["exporters"]
    del exporters["otlp_grpc/tempo"]["tls"]
    exporters["otlp_http/tempo"] = exporters.pop("otlp_grpc/tempo")
    for one in exporters.values():
        one |= {"endpoint": store, "compression": "none"}
    for pipeline in configured["service"]["pipelines"].values():
        pipeline["exporters"] = [one.replace("otlp_grpc/tempo", "otlp_http/tempo") for one in pipeline["exporters"]]
    return dict(configured)
