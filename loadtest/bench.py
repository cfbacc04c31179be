"""What telemetry costs a request: the same service without any of it and with all of it, interleaved.

    python -m loadtest.bench [null|payment] [--pairs 5] [--requests N] [--part NAME ...] [--json FILE]

Spans go to OTEL_EXPORTER_OTLP_ENDPOINT, or else to a sink of its own that only counts. The server has one processor for
itself, the client the other. The null endpoint does nothing else; the payment is that of the payments service, on the
running stack's database, auth and acquirer, without telemetry by OTEL_SDK_DISABLED.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import uvloop

from loadtest.server import Server
from loadtest.workloads import ROOT, WORKLOADS, Request, Workload

# Longer than the batch delay, so that every span's export is in the figure.
EXPORT_SECONDS = 0.5


@dataclass(frozen=True)
class Measurement:
    """CPU microseconds of the server a request, and requests a second."""

    cpu: float
    throughput: float


class Load:
    """The client: so many connections, each with one request under way."""

    def __init__(self, workload: Workload, request: Request, port: int) -> None:
        self._workload, self._request, self._port = workload, request, port
        self._wanted = f"HTTP/1.1 {workload.status}".encode()

    def send(self, requests: int) -> None:
        uvloop.run(self._all(requests // self._workload.connections))

    async def _all(self, each: int) -> None:
        await asyncio.gather(*(self._one(each) for _ in range(self._workload.connections)))

    async def _one(self, requests: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        for _ in range(requests):
            writer.write(self._request())
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(self._wanted), head
            await reader.readexactly(int(head.lower().partition(b"content-length:")[2].partition(b"\r")[0]))
        writer.close()


def measure(workload: Workload, part: str, requests: int, collector: str) -> Measurement:
    """Start a server, warm it, load it until `requests` were answered, let it export the rest, and stop it."""
    environment, request = workload.prepare()
    environment |= {"OTEL_EXPORTER_OTLP_ENDPOINT": collector, **workload.parts[part]}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        server = Server(workload.arguments(part), environment, Path(folder))
        try:
            load = Load(workload, request, server.port)
            load.send(requests // 10)
            cpu, started = server.cpu_seconds(), time.monotonic()
            load.send(requests)
            seconds = time.monotonic() - started
            time.sleep(EXPORT_SECONDS)
            return Measurement((server.cpu_seconds() - cpu) / requests * 1e6, requests / seconds)
        finally:
            server.stop()


def summary(results: dict[str, list[Measurement]]) -> dict[str, dict[str, float]]:
    """Per part the medians, and the share of the bare CPU time with its spread, pair by pair."""
    bare = results["bare"]
    found = {}
    for part, measured in results.items():
        cpus = [m.cpu for m in measured]
        shares = [b.cpu / m.cpu for b, m in zip(bare, measured, strict=True)]
        found[part] = {
            "cpu": statistics.median(cpus),
            "cpu_least": min(cpus),
            "cpu_most": max(cpus),
            "throughput": statistics.median(m.throughput for m in measured),
            "share": statistics.median(shares),
            "share_least": min(shares),
            "share_most": max(shares),
        }
    return found


def report(found: dict[str, dict[str, float]]) -> str:
    row = "{:<38} {:>18} {:>12} {:>20}"
    lines = [row.format("", "CPU µs a request", "req/s", "share of bare (CPU)")]
    for part, one in found.items():
        spread = f"{one['cpu']:.0f} ({one['cpu_least']:.0f}-{one['cpu_most']:.0f})"
        share = f"{one['share']:.2f} ({one['share_least']:.2f}-{one['share_most']:.2f})"
        lines.append(row.format(part, spread, f"{one['throughput']:.0f}", share))
    return "\n".join(lines) + "\n"


@contextmanager
def collecting() -> Iterator[str]:
    """The address that spans are sent to."""
    if collector := os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        yield collector
        return
    with subprocess.Popen([sys.executable, "-m", "loadtest.sink"], cwd=ROOT, stdout=subprocess.PIPE, text=True) as sink:
        assert sink.stdout is not None
        try:
            yield sink.stdout.readline().strip()
        finally:
            sink.terminate()


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures what telemetry costs a request.")
    parser.add_argument("workload", nargs="?", choices=list(WORKLOADS), default="null")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--requests", type=int, help="in each measurement; 20,000 of null or 800 payments unless told")
    parser.add_argument("--part", action="append", help="only this one beside bare; repeatable")
    parser.add_argument("--json", type=Path, help="where the measurements are kept as well")
    arguments = parser.parse_args()
    workload = WORKLOADS[arguments.workload]
    if unknown := set(arguments.part or ()) - set(workload.parts):
        parser.error(f"no part {', '.join(unknown)}; choose from: {', '.join(workload.parts)}")
    parts = ["bare", *(part for part in arguments.part or workload.parts if part != "bare")]
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0)), max(os.sched_getaffinity(0))})
    results: dict[str, list[Measurement]] = {part: [] for part in parts}
    with collecting() as collector:
        for _ in range(arguments.pairs):
            for part in parts:
                results[part].append(measure(workload, part, arguments.requests or workload.requests, collector))
    found = summary(results)
    sys.stdout.write(report(found))
    if arguments.json:
        pairs = {part: [asdict(one) for one in measured] for part, measured in results.items()}
        arguments.json.write_text(json.dumps({"parts": found, "pairs": pairs}))


if __name__ == "__main__":
    main()
