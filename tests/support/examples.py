"""Builds and starts the programs of examples/ as docs/own-service.md describes.

``python -m tests.support.examples`` builds them. It needs the package registries, and does nothing if all are built.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import yaml

from sandbox.engines import control
from sandbox.engines.native.build import python_environment
from sandbox.model import ROOT
from sandbox.model.stack import Stack
from sandbox.model.variables import FOREIGN
from sandbox_testing import direct
from sandbox_testing.polling import eventually
from sandbox_testing.stores import Prometheus

__all__ = ["CHAIN", "Guest", "build", "running"]

FOLDER = ROOT / "examples"
MADE = ROOT / ".run" / "examples"
CHAIN = ("shop", "prices", "stock")
"""The three services; each calls the next one."""


@dataclass(frozen=True)
class Guest:
    """A running example: its service name in the telemetry, its language and its address."""

    service: str
    language: str
    url: str


def build() -> None:
    """Build what is missing.

    Raises ``subprocess.CalledProcessError``; the tool's output is on the terminal.
    """
    _shop()
    node = FOLDER / "node"
    installed = node / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < (node / "package-lock.json").stat().st_mtime:
        # Install scripts of packages are not run: none is needed.
        subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=node, check=True)
    made = [MADE / "stock", FOLDER / "go" / "go.sum", FOLDER / "go" / "main.go"]
    if not made[0].exists() or any(made[0].stat().st_mtime < source.stat().st_mtime for source in made[1:]):
        subprocess.run([_go(), "build", "-o", made[0], "."], cwd=FOLDER / "go", check=True, env=_go_environment())


def _shop() -> Path:
    return python_environment(FOLDER / "fastapi" / "requirements.lock")


@contextmanager
def running(stack: Stack, scratch: Path) -> Iterator[dict[str, Guest]]:
    """Run all three, configured only with environment variables; their output is in ``scratch``.

    Two send everything to the HTTP port. Stock uses gRPC, and exposes /metrics instead of sending metrics.
    """
    host = _address_for_containers(stack)
    ports = dict(zip(CHAIN, _free_ports(len(CHAIN)), strict=True))
    [page] = _free_ports(1, host)
    urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    standard = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": stack.url("otlp_http"),
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_METRIC_EXPORT_INTERVAL": "2000",
        "OTEL_NODE_RESOURCE_DETECTORS": "env,serviceinstance",
        "SENTRY_DSN": f"http://{stack.settings['GUESTS_SENTRY_KEY']}@127.0.0.1:{stack.port('bugsink')}/9",
        "PRICES_URL": urls["prices"],
        "STOCK_URL": urls["stock"],
    }
    programs = _shop() / "bin"
    commands = {
        "shop": ([programs / "opentelemetry-instrument", programs / "uvicorn", "shop:app", "--port", ports["shop"]]),
        "prices": ["node", "--require", "@opentelemetry/auto-instrumentations-node/register", "prices.js"],
        "stock": [MADE / "stock"],
    }
    different = {
        "stock": {
            "OTEL_EXPORTER_OTLP_ENDPOINT": stack.url("otlp_grpc"),
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
            "OTEL_METRICS_EXPORTER": "prometheus",
            "OTEL_EXPORTER_PROMETHEUS_HOST": host,
            "OTEL_EXPORTER_PROMETHEUS_PORT": str(page),
        }
    }
    languages = {"shop": "fastapi", "prices": "node", "stock": "go"}
    with ExitStack() as ends:
        for name, command in commands.items():
            own = {"OTEL_SERVICE_NAME": name, "PORT": str(ports[name]), **different.get(name, {})}
            output = ends.enter_context((scratch / f"{name}.log").open("wb"))
            process = subprocess.Popen(
                [str(word) for word in command],
                cwd=FOLDER / languages[name],
                env={**_shell(), **standard, **own},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            ends.callback(_end, process)
            # Any response is sufficient.
            eventually(
                f"{name} to answer (its output is in {output.name})",
                lambda url=urls[name]: direct.get(url, timeout=2.0),
                lambda _answer: True,
                timeout=30.0,
            )
        ends.enter_context(_scraped(stack, "stock", page))
        yield {name: Guest(name, languages[name], urls[name]) for name in CHAIN}


def _address_for_containers(stack: Stack) -> str:
    """Return the address on which a program of this machine must listen to be reachable as host.docker.internal."""
    if control.name(stack) == "docker":
        # Read from the bridge's options: an engine does not report its address before a container has used it.
        options = _bridge_options()
        addresses = psutil.net_if_addrs().get(options.get("com.docker.network.bridge.name", ""), [])
        # An engine in a virtual machine maps the name to 127.0.0.1; its bridge is not an interface of this machine.
        for address in addresses:
            if address.family is socket.AF_INET:
                return str(address.address)
    return "127.0.0.1"


def _bridge_options() -> dict[str, str]:
    command = ["docker", "network", "inspect", "bridge"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    return json.loads(done.stdout)[0]["Options"]


@contextmanager
def _scraped(stack: Stack, service: str, port: int) -> Iterator[None]:
    """Add a service's /metrics to the targets of the running stack, as docs/own-service.md describes."""
    target = ROOT / "prometheus" / "targets" / f"{service}-of-examples.yml"
    prometheus = Prometheus(stack.url("prometheus"))
    target.write_text(yaml.safe_dump([{"targets": [f"host.docker.internal:{port}"], "labels": {"service": service}}]))

    def scrapes() -> list[tuple[str, str]]:
        targets = [one for one in prometheus.targets() if one["labels"].get("service") == service]
        return [(one["health"], one["lastError"]) for one in targets]

    try:
        _up()
        eventually(
            f"a scrape of {service} without an error", scrapes, lambda found: found == [("up", "")], timeout=30.0
        )
        yield
    finally:
        prometheus.close()
        target.unlink()
        _up()


def _up() -> None:
    """Natively, a running stack applies a changed configuration at the next `up`; a container reads the file itself."""
    subprocess.run([sys.executable, "-m", "sandbox", "up"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def _shell() -> dict[str, str]:
    """Return the caller's environment without SDK settings and proxies."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    return {**kept, "NO_PROXY": "*", "no_proxy": "*"}


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _go() -> str:
    from sandbox.engines.native.build import cache, toolchain

    packaged = sorted((cache.directory() / "venvs").glob("go-*/bin/go"))
    found = shutil.which("go") or (packaged and str(packaged[-1]))
    assert found, (
        f"Go {toolchain.required(['prometheus'])} is needed: install it, or run `make build`, which fetches one"
    )
    return found


def _go_environment() -> dict[str, str]:
    return {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}


def _free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    sockets = [socket.create_server((host, 0)) for _ in range(count)]
    try:
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


if __name__ == "__main__":
    MADE.mkdir(parents=True, exist_ok=True)
    build()
