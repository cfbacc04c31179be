"""A backend of somebody else's is told by the environment alone, and gets what the stores here get, or all of it."""

import gzip
import re
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
import yaml

from sandbox.engines import backend
from sandbox.engines.native.programs import program
from sandbox.model import ROOT
from sandbox.model.compose import read_topology
from sandbox.model.documents import parse_yaml
from sandbox.model.errors import StackError
from sandbox.testbench.collector import free_ports
from sandbox_testing import direct
from sandbox_testing.polling import eventually
from tests.support.collector import CollectorAlone, forwarding

MARKER = "own-backend-marker"
TOKEN = "Basic b3duOmJhY2tlbmQ="
RESOURCE = {"attributes": [{"key": "service.name", "value": {"stringValue": "orders"}}]}
READ_BY = ("docker-compose.yml", "docs/own-backend.md", ".env")
ENDS = {"traces": "/v1/traces", "logs": "/v1/logs", "metrics": "/v1/metrics"}


class Sink(ThreadingHTTPServer):
    """Takes whatever is posted: path, headers and body, unpacked."""

    daemon_threads = True

    def __init__(self) -> None:
        self.taken: list[tuple[str, dict[str, str], bytes]] = []
        super().__init__(("127.0.0.1", 0), _Taker)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def has(self, signal: str) -> bool:
        return any(path.endswith(ENDS[signal]) and MARKER.encode() in body for path, _, body in self.taken)


class _Taker(BaseHTTPRequestHandler):
    server: Sink

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        unpacked = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
        self.server.taken.append((self.path, {name.lower(): value for name, value in self.headers.items()}, unpacked))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Silence: the requests are not this test's story."""


@dataclass(frozen=True)
class Places:
    """Where telemetry may end: the stores here (traces in a collector, which speaks gRPC as Tempo does), and yours."""

    tempo: CollectorAlone
    stores: Sink
    yours: CollectorAlone

    def here(self) -> set[str]:
        traces = {"traces"} if MARKER in self.tempo.exported() else set()
        return traces | {signal for signal in ("logs", "metrics") if self.stores.has(signal)}

    def there(self) -> set[str]:
        kinds = {"traces": "resourceSpans", "logs": "resourceLogs", "metrics": "resourceMetrics"}
        return {name for name, kind in kinds.items() if any(MARKER in str(one) for one in self.yours.of(kind))}


@pytest.fixture
def places(tmp_path: Path) -> Iterator[Places]:
    otelcol = program("IMAGE_OTEL_COLLECTOR", "/otelcol-contrib")
    for name in ("tempo", "yours"):
        (tmp_path / name).mkdir()
    with (
        Sink() as stores,
        CollectorAlone.running(otelcol, tmp_path / "tempo") as tempo,
        CollectorAlone.running(otelcol, tmp_path / "yours") as yours,
    ):
        yield Places(tempo, stores, yours)
        stores.shutdown()


@contextmanager
def collecting(places: Places, scratch: Path, **environment: str) -> Iterator[str]:
    """The stack's collector in an environment, with the places for its stores."""
    store = places.stores.server_address[1]
    addresses = {("tempo", 4319): places.tempo.grpc_port, ("loki", 3100): store, ("prometheus", 9090): store}
    scratch.mkdir()
    otelcol = program("IMAGE_OTEL_COLLECTOR", "/otelcol-contrib")
    with forwarding(otelcol, scratch, addresses, environment) as address:
        yield address


def send_one_of_each(address: str) -> None:
    now = str(time.time_ns())
    span = {"traceId": "ab" * 16, "spanId": "cd" * 8, "name": MARKER, "kind": 2, "startTimeUnixNano": now}
    point = {"startTimeUnixNano": now, "timeUnixNano": now, "asInt": "1"}
    record = {"timeUnixNano": now, "body": {"stringValue": MARKER}}
    sums = {"dataPoints": [point], "aggregationTemporality": 2, "isMonotonic": True}
    payloads = {
        "traces": {"resourceSpans": [{"resource": RESOURCE, "scopeSpans": [{"spans": [span]}]}]},
        "logs": {"resourceLogs": [{"resource": RESOURCE, "scopeLogs": [{"logRecords": [record]}]}]},
        "metrics": {
            "resourceMetrics": [{"resource": RESOURCE, "scopeMetrics": [{"metrics": [{"name": MARKER, "sum": sums}]}]}]
        },
    }
    for signal, payload in payloads.items():
        direct.post(f"{address}{ENDS[signal]}", json=payload, timeout=10).raise_for_status()


EVERY = {"traces", "logs", "metrics"}


@pytest.mark.parametrize(
    ("mode", "here", "there"), [("none", EVERY, set()), ("with", EVERY, EVERY), ("instead", set(), EVERY)]
)
def test_traces_logs_and_metrics_go_here_there_or_to_both(
    mode: str, here: set[str], there: set[str], places: Places, tmp_path: Path
) -> None:
    environment = {"OTLP_BACKEND": mode, "OTLP_BACKEND_ENDPOINT": places.yours.url} if mode != "none" else {}
    with collecting(places, tmp_path / "ours", **environment) as address:
        send_one_of_each(address)
        eventually(
            f"here {here}, there {there}",
            lambda: (places.here(), places.there()),
            lambda found: found[0] >= here and found[1] >= there,
            timeout=60.0,
        )
    # Ended, so its queues were asked to drain: nothing more can come.
    assert (places.here(), places.there()) == (here, there)


def test_backend_is_shown_the_headers_of_the_environment(places: Places, tmp_path: Path) -> None:
    yours = {
        "OTLP_BACKEND": "instead",
        "OTLP_BACKEND_ENDPOINT": f"http://127.0.0.1:{places.stores.server_address[1]}",
        "OTLP_BACKEND_HEADERS": f"{{authorization: {TOKEN}, x-scope-orgid: team}}",
    }
    with collecting(places, tmp_path / "ours", **yours) as address:
        send_one_of_each(address)
        eventually("one of each", lambda: len({path for path, _, _ in places.stores.taken}), lambda count: count == 3)
    shown = {(headers.get("authorization"), headers.get("x-scope-orgid")) for _, headers, _ in places.stores.taken}
    assert shown == {(TOKEN, "team")}


@pytest.mark.parametrize("mode", ["with", "instead"])
def test_every_pipeline_reaches_the_backend_and_loses_no_store_by_oversight(mode: str) -> None:
    configured = parse_yaml((ROOT / "collector" / "config.yaml").read_text())
    connectors = configured["connectors"].keys()
    yours = parse_yaml((ROOT / "collector" / "backend" / f"{mode}.yaml").read_text())["service"]["pipelines"]
    ours = {name: pipeline["exporters"] for name, pipeline in configured["service"]["pipelines"].items()}
    kept = {
        name: [one for one in exporters if mode == "with" or one in connectors]
        for name, exporters in ours.items()
        if not connectors >= set(exporters)  # Such a pipeline ends in another one.
    }
    assert yours == {name: {"exporters": [*exporters, "otlp_http/backend"]} for name, exporters in kept.items()}


def test_prometheus_sends_every_sample_to_the_address_of_the_environment(tmp_path: Path) -> None:
    """A second Prometheus takes what the first one scrapes, as a hosted one would."""
    ours, yours = free_ports(2)
    scrape = {"job_name": "self", "static_configs": [{"targets": [f"127.0.0.1:{ours}"]}]}
    configuration = yaml.safe_dump({"global": {"scrape_interval": "1s"}, "scrape_configs": [scrape]})
    variables = {"REMOTE_WRITE_URL": f"http://127.0.0.1:{yours}/api/v1/write", "REMOTE_WRITE_AUTHORIZATION": TOKEN}
    with (
        prometheus(tmp_path / "yours", yours, "{}", "--web.enable-remote-write-receiver"),
        prometheus(tmp_path / "ours", ours, backend.with_remote_write(configuration, variables)),
    ):
        query = {"query": 'up{job="self"}'}
        [sample] = eventually(
            "a sample of the first in the second",
            lambda: direct.get(f"http://127.0.0.1:{yours}/api/v1/query", params=query).json()["data"]["result"],
            timeout=60.0,
        )
    assert sample["value"][1] == "1"


@contextmanager
def prometheus(folder: Path, port: int, configuration: str, *options: str) -> Iterator[None]:
    folder.mkdir()
    (folder / "prometheus.yml").write_text(configuration)
    command = [
        program("IMAGE_PROMETHEUS", "/bin/prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        *options,
    ]
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        eventually("a ready Prometheus", lambda: _ready(port), timeout=60.0)
        yield
    finally:
        process.terminate()
        process.wait(timeout=60)


def _ready(port: int) -> bool:
    try:
        return direct.get(f"http://127.0.0.1:{port}/-/ready").is_success
    except httpx.TransportError:
        return False


def checkout(folder: Path, local: Mapping[str, str]) -> Path:
    """What `prepare` reads of a checkout, with settings of somebody's own."""
    (folder / "prometheus").mkdir()
    for name in (".env", "docker-compose.yml", "prometheus/prometheus.yml"):
        (folder / name).write_text((ROOT / name).read_text())
    (folder / ".env.local").write_text("".join(f"{name}='{value}'\n" for name, value in local.items()))
    return folder


def test_remote_write_is_added_to_the_whole_configuration_and_taken_back(tmp_path: Path) -> None:
    url = "https://metrics.example.com/api/v1/write"
    root = checkout(tmp_path, {"REMOTE_WRITE_URL": url, "REMOTE_WRITE_AUTHORIZATION": TOKEN})
    backend.prepare(root)
    written = parse_yaml((root / backend.REMOTE_WRITE).read_text())
    [write] = written.pop("remote_write")
    assert (write["url"], write["basic_auth"]) == (url, {"username": "own", "password": "backend"})
    assert written == parse_yaml((ROOT / "prometheus" / "prometheus.yml").read_text())
    [chosen] = [one for one in read_topology(root, {}).services["prometheus"].command if "--config.file" in one]
    assert Path(chosen).name == Path(backend.REMOTE_WRITE).name

    (root / ".env.local").write_text("")
    backend.prepare(root)
    assert not (root / backend.REMOTE_WRITE).exists()


@pytest.mark.parametrize(
    ("local", "complaint"),
    [
        ({"OTLP_BACKEND": "with"}, "OTLP_BACKEND_ENDPOINT is empty"),
        ({"OTLP_BACKEND": "both"}, "it must be none, with or instead"),
        ({"REMOTE_WRITE_URL": "http://x", "REMOTE_WRITE_AUTHORIZATION": "secret"}, "is no value of"),
        ({"REMOTE_WRITE_URL": "http://x", "REMOTE_WRITE_AUTHORIZATION": "Basic own:backend"}, "is no value of"),
    ],
)
def test_half_of_a_backend_is_refused_before_anything_starts(
    local: dict[str, str], complaint: str, tmp_path: Path
) -> None:
    with pytest.raises(StackError, match=complaint) as refused:
        backend.prepare(checkout(tmp_path, local))
    assert refused.value.next_step


def test_page_and_settings_name_every_variable() -> None:
    compose, page, settings = ((ROOT / name).read_text() for name in READ_BY)
    read = set(re.findall(r"\$\{((?:OTLP_BACKEND|REMOTE_WRITE)\w*)", compose))
    assert len(read) == 5
    assert set(re.findall(r"`((?:OTLP_BACKEND|REMOTE_WRITE)\w*)`", page)) == read
    assert set(re.findall(r"^# ((?:OTLP_BACKEND|REMOTE_WRITE)\w*)=", settings, re.MULTILINE)) == read
