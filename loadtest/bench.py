"""Measure what telemetry costs a request: the same service without and with telemetry, side by side.

    python -m sandbox bench [null|payment] [--pairs 20] [--turns 10] [--part NAME ...] [--json FILE]

All servers run at once and take turns of a fraction of a second, so that other activity of the machine affects each of
them equally. The server whose turn it is has one processor for itself, the client the other.

Spans go to OTEL_EXPORTER_OTLP_ENDPOINT if it is set, otherwise to the running stack's collector, which also reads the
log if the stack runs natively. Without a stack, spans go to a sink that only counts.

The null endpoint does nothing else. The payment is that of the payments service, on the running stack's database, auth
and acquirer; OTEL_SDK_DISABLED switches its telemetry off.
"""

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import uvloop

from loadtest import sink
from loadtest.server import Server
from loadtest.workloads import WORKLOADS, Request, Workload
from sandbox.engines.choice import running
from sandbox.model import ROOT
from sandbox.model.compose import read_topology
from sandbox.model.diagram import LOG_VOLUME
from sandbox.model.errors import StackError
from sandbox.model.layout import Layout

SERVICE = "bench"

# Two processes of the same program differ by some percent for as long as they live, so each part has several.
STARTS = 5
# Longer than the batch delay, so that the figure includes the export of every span.
EXPORT_SECONDS = 0.5


@dataclass(frozen=True)
class Measurement:
    """CPU microseconds of the server per request, and requests per second."""

    cpu: float
    throughput: float


class Load:
    """The client: a number of connections, each with one request in progress."""

    def __init__(self, workload: Workload, request: Request, port: int) -> None:
        self._request, self._port = request, port
        self._wanted = f"HTTP/1.1 {workload.status}".encode()
        self._connections: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def connect(self, connections: int) -> None:
        self._connections = [await asyncio.open_connection("127.0.0.1", self._port) for _ in range(connections)]

    async def send(self, requests: int) -> float:
        """Send the requests and return the seconds that they took."""
        started = time.monotonic()
        each = requests // len(self._connections)
        await asyncio.gather(*(self._one(*connection, each) for connection in self._connections))
        return time.monotonic() - started

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, requests: int) -> None:
        for _ in range(requests):
            writer.write(self._request())
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(self._wanted), head
            await reader.readexactly(int(head.lower().partition(b"content-length:")[2].partition(b"\r")[0]))

    def close(self) -> None:
        for _, writer in self._connections:
            writer.close()


class Bench:
    """A server and its load for each part of a workload; closing `ends` stops them."""

    def __init__(self, workload: Workload, parts: list[str], surroundings: dict[str, str], ends: ExitStack) -> None:
        self._servers: dict[str, tuple[Server, Load]] = {}
        self._connections, self._each = workload.connections, workload.requests
        environment, request = workload.prepare()
        for number, part in enumerate(parts):
            folder = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
            # Its own name, for its files, and because it is not one of the stack's services.
            own = {
                "OTEL_SERVICE_NAME": f"{SERVICE}-{number}",
                "LOG_DIRECTORY": str(folder),
                **surroundings,
                **workload.parts[part],
            }
            server = Server(workload.arguments(part), environment | own, folder)
            ends.callback(server.stop)
            self._servers[part] = (server, Load(workload, request, server.port))

    def round(self, turns: int, number: int) -> dict[str, Measurement]:
        """Run the turns of each part. The order of the parts alternates, because the predecessor may matter."""
        order = list(self._servers) if number % 2 else list(reversed(self._servers))
        before = {part: server.cpu_seconds() for part, (server, _) in self._servers.items()}
        seconds = uvloop.run(self._take_turns(order, turns))
        time.sleep(EXPORT_SECONDS)
        requests = turns * self._each
        return {
            part: Measurement((server.cpu_seconds() - before[part]) / requests * 1e6, requests / seconds[part])
            for part, (server, _) in self._servers.items()
        }

    async def _take_turns(self, order: list[str], turns: int) -> dict[str, float]:
        """Run the turns in this order; return the seconds of each part."""
        loads = {part: self._servers[part][1] for part in order}
        seconds = dict.fromkeys(order, 0.0)
        for load in loads.values():
            await load.connect(self._connections)
        for _ in range(turns):
            for part, load in loads.items():
                seconds[part] += await load.send(self._each)
        for load in loads.values():
            load.close()
        return seconds


def summary(results: dict[str, list[Measurement]]) -> dict[str, dict[str, float]]:
    """Return medians and quartiles per part: CPU time, and the bare part's as a share of it, pair by pair."""
    bare = results["bare"]
    found = {}
    for part, measured in results.items():
        cpu_low, cpu, cpu_high = statistics.quantiles((m.cpu for m in measured), n=4)
        low, share, high = statistics.quantiles((b.cpu / m.cpu for b, m in zip(bare, measured, strict=True)), n=4)
        found[part] = {
            "cpu": cpu,
            "cpu_low": cpu_low,
            "cpu_high": cpu_high,
            "throughput": statistics.median(m.throughput for m in measured),
            "share": share,
            "share_low": low,
            "share_high": high,
        }
    return found


def report(found: dict[str, dict[str, float]]) -> str:
    row = "{:<38} {:>18} {:>12} {:>20}"
    lines = [row.format("", "CPU µs a request", "req/s", "share of bare (CPU)")]
    for part, one in found.items():
        spread = f"{one['cpu']:.0f} ({one['cpu_low']:.0f}-{one['cpu_high']:.0f})"
        share = f"{one['share']:.2f} ({one['share_low']:.2f}-{one['share_high']:.2f})"
        lines.append(row.format(part, spread, f"{one['throughput']:.0f}", share))
    return "\n".join(lines) + "\n"


@contextmanager
def surroundings() -> Iterator[dict[str, str]]:
    """Set the variables for the destinations of spans and log lines; delete what was left there afterwards."""
    topology = read_topology(ROOT)
    logs = Layout(ROOT).volume(LOG_VOLUME)
    if collector := topology.variables.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        yield {"OTEL_EXPORTER_OTLP_ENDPOINT": collector}
    elif stack := running(topology, topology.services):
        found = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{topology.variables['OTLP_HTTP_PORT']}"}
        try:
            yield found | ({"LOG_DIRECTORY": str(logs)} if stack.name == "native" else {})
        finally:
            for left in logs.glob(f"{SERVICE}-*.jsonl*"):
                left.unlink()
    else:
        with sink.running() as address:
            yield {"OTEL_EXPORTER_OTLP_ENDPOINT": address}


def compare(name: str, pairs: int, turns: int, chosen: Sequence[str], file: Path | None) -> None:
    """Measure a workload and print the cost of each part. Raises StackError for an unknown workload or part."""
    if name not in WORKLOADS:
        raise StackError(f"There is no workload {name!r}.", f"Choose from: {', '.join(WORKLOADS)}.")
    workload = WORKLOADS[name]
    if unknown := set(chosen) - set(workload.parts):
        raise StackError(f"There is no part {', '.join(unknown)}.", f"Choose from: {', '.join(workload.parts)}.")
    parts = ["bare", *(part for part in chosen or workload.parts if part != "bare")]
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0)), max(os.sched_getaffinity(0))})
    rounds: list[dict[str, Measurement]] = []
    with surroundings() as where:
        while len(rounds) < pairs:
            with ExitStack() as ends:
                bench = Bench(workload, parts, where, ends)
                bench.round(turns, 0)
                rounds += [bench.round(turns, number) for number in range(-(-pairs // STARTS))]
    results = {part: [one[part] for one in rounds] for part in parts}
    found = summary(results)
    sys.stdout.write(report(found))
    if file:
        measured_pairs = {part: [asdict(one) for one in measured] for part, measured in results.items()}
        file.write_text(json.dumps({"parts": found, "pairs": measured_pairs}))
