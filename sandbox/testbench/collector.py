"""Runs a collector alone, on free ports."""

import os
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from sandbox.model import ROOT
from sandbox.model.documents import parse_yaml
from sandbox_testing import direct
from sandbox_testing.polling import eventually

__all__ = ["PORTS", "free_ports", "gates", "started"]

PORTS = (4317, 4318, 8888, 13133)


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
        eventually("a healthy collector", lambda: _healthy(process, health, output), timeout=60.0)
        yield process
    finally:
        process.terminate()
        process.wait(timeout=60)


def gates() -> list[str]:
    """Return the arguments in docker-compose.yml other than the configuration file."""
    command = parse_yaml((ROOT / "docker-compose.yml").read_text())["services"]["otel-collector"]["command"]
    return [argument for argument in command if not argument.startswith("--config")]


def _healthy(process: subprocess.Popen[bytes], port: int, output: Path) -> bool:
    if process.poll() is not None:
        raise RuntimeError(f"the collector ended with status {process.returncode}:\n{output.read_text()}")
    try:
        return direct.get(f"http://127.0.0.1:{port}/").is_success
    except httpx.TransportError:
        return False


def free_ports(count: int) -> list[int]:
    """Return ports on which nothing is listening now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
