"""A service as a real process: `python -m auth --bind=...`, with access to its log file and metrics."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

__all__ = ["Running", "free_port", "running_service", "until"]

_SERVICES = Path(__file__).resolve().parent.parent
_READY_WITHIN_SECONDS = 60


@dataclass
class Running:
    """A running service. `logs` is its log file, as the collector reads it; `client` keeps no connection open."""

    name: str
    url: str
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes]
    logs: Path
    client: httpx.Client

    def lines(self) -> list[dict[str, Any]]:
        """Return every log line so far, parsed."""
        return [json.loads(line) for line in self.logs.read_text().splitlines()] if self.logs.exists() else []

    def lines_of(self, answer: httpx.Response) -> list[dict[str, Any]]:
        """Return the log lines of the request with this response. Waits for its access line, which may come later."""
        found: list[dict[str, Any]] = []

        def written() -> bool:
            found[:] = [line for line in self.lines() if line["traceId"] == answer.headers["X-Trace-Id"]]
            return any(line.get("event") == "http.access" for line in found)

        until(written, f"{self.name} has written the access line")
        return found

    def events(self) -> list[str]:
        """Return the names of the logged events, in order."""
        return [line["event"] for line in self.lines() if "event" in line]

    def sample(self, name: str, **labels: str) -> float:
        """Return the sum of the samples of a metric that have at least these labels."""
        from prometheus_client.parser import text_string_to_metric_families

        text = self.client.get("/metrics").text
        wanted = labels.items()
        families = text_string_to_metric_families(text)
        return sum(s.value for f in families for s in f.samples if s.name == name and wanted <= s.labels.items())

    def stop(self) -> int:
        """Stop it as an orchestrator does; return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)


@contextmanager
def running_service(name: str, environment: Mapping[str, str], *, port: int = 0) -> Iterator[Running]:
    """Start a service with only these variables set, wait until it is ready, and stop it at the end."""
    port = port or free_port()
    with tempfile.TemporaryDirectory(prefix=f"sandbox-{name}-") as folder:
        variables = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(_SERVICES),
            "LOG_DIRECTORY": folder,
            "OTEL_TRACES_EXPORTER": "none",
            **environment,
        }
        output = Path(folder, "output")
        with output.open("wb") as sink:
            command = [sys.executable, "-m", name, f"--bind=127.0.0.1:{port}"]
            process = subprocess.Popen(command, env=variables, cwd=folder, stdout=sink, stderr=subprocess.STDOUT)
        url = f"http://127.0.0.1:{port}"
        service = Running(name, url, environment, process, Path(folder, f"{name}.jsonl"), _client(url))
        try:
            _wait_until_ready(service, output)
            yield service
        finally:
            service.client.close()
            if process.poll() is None:
                service.stop()


def _client(url: str) -> httpx.Client:
    # One client for all requests: creating one loads the system's certificates, which takes a hundred times as long as
    # a request.
    return httpx.Client(base_url=url, verify=False, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))


def _wait_until_ready(service: Running, output: Path) -> None:
    def ready() -> bool:
        if service.process.poll() is not None:
            text = output.read_text()[-40_000:]
            raise RuntimeError(f"{service.name} ended with {service.process.returncode} before it was ready:\n{text}")
        try:
            return service.client.get("/readyz", timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    until(ready, f"{service.name} is ready", within=_READY_WITHIN_SECONDS)


def until(condition: Any, what: str, *, within: float = 30.0) -> None:
    """Poll `condition` until it is true. Raises AssertionError, which names `what`, after `within` seconds."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"waited {within:g} s in vain until {what}"
        time.sleep(0.05)


def free_port() -> int:
    """Return a free port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
