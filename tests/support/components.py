"""Components without regard to the engine: listening ports, output, absence, start."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

from sandbox.completeness.exposition import EXPORTED, PROCESSED, samples_of
from sandbox.engines import commands, control
from sandbox.engines.docker import DockerEngine
from sandbox.engines.native import leftovers
from sandbox.model.catalog import SERVICES
from sandbox.model.compose import read_topology
from sandbox.model.layout import Layout
from sandbox.model.stack import Stack
from sandbox_testing import direct
from sandbox_testing.polling import eventually

__all__ = ["Listener", "listeners", "output", "start", "wait_for_senders", "without"]

# The longest pause of the exporter, 16 s plus a fifth, and the sending of the queue.
PATIENCE_SECONDS = 30.0


@dataclass(frozen=True, order=True)
class Listener:
    """An open TCP port and the component that listens on it."""

    port: int
    address: str
    holder: str


@contextmanager
def without(stack: Stack, *components: str) -> Iterator[None]:
    """Stop components while the block runs. Afterwards, start them and wait until they are healthy."""
    try:
        for component in components:
            commands.stop(stack.root, component)
        yield
    finally:
        for component in components:
            start(stack, component)


def start(stack: Stack, component: str, *, senders: bool = True) -> None:
    """Start a component and wait until it is healthy. For the collector, also wait until services send to it again."""
    commands.start(stack.root, component)
    if component == "otel-collector":
        # The collector's image has no program for a health check, so the engine does not know its health.
        health = stack.url("otel_health")
        eventually("a healthy collector", lambda: direct.get(health, timeout=2.0).is_success, timeout=60.0)
        if senders:
            wait_for_senders(stack)


def listeners(stack: Stack) -> list[Listener]:
    """Return every TCP port that the running stack has open on this machine."""
    found = _of_processes(stack) if control.name(stack) == "native" else _published(stack)
    return sorted(set(found))


def output(stack: Stack) -> Iterator[tuple[str, str]]:
    """Return (component, text) pairs: the retained standard output of each component."""
    if control.name(stack) == "native":
        for path in sorted(Layout(stack.root).logs.glob("*.log")):
            yield path.stem, path.read_text(encoding="utf-8", errors="replace")
    else:
        for service in _docker(stack).compose("ps", "--all", "--services").split():
            yield service, _docker(stack).compose("logs", "--no-color", "--no-log-prefix", service)


def _of_processes(stack: Stack) -> Iterator[Listener]:
    for process in leftovers.find(stack.root):
        try:
            connections = process.net_connections(kind="tcp")
        except psutil.NoSuchProcess:
            continue
        for connection in connections:
            if connection.status == psutil.CONN_LISTEN:
                yield Listener(connection.laddr.port, connection.laddr.ip, process.name())


def _published(stack: Stack) -> Iterator[Listener]:
    for container in _docker(stack).containers():
        for port in container["Publishers"] or []:
            if port["PublishedPort"]:
                yield Listener(port["PublishedPort"], port["URL"], container["Service"])


def wait_for_senders(stack: Stack) -> None:
    """Return when no service has a batch waiting for a retry."""
    before = {service: _exported(stack, service) for service in SERVICES}

    def waiting() -> list[str]:
        return [service for service in SERVICES if _under_way(stack, service) and not _moved(service)]

    def _moved(service: str) -> bool:
        return _exported(stack, service) > before[service]

    eventually("the services to send spans again", waiting, lambda found: not found, timeout=PATIENCE_SECONDS)


def _exported(stack: Stack, service: str) -> float:
    """Return the number of spans that were delivered or dropped."""
    return sum(samples_of(stack.url(service), EXPORTED).values())


def _under_way(stack: Stack, service: str) -> bool:
    handed_over = {
        labels: value
        for labels, value in samples_of(stack.url(service), PROCESSED).items()
        if "error_type" not in dict(labels)
    }
    return sum(handed_over.values()) > _exported(stack, service)


def _docker(stack: Stack) -> DockerEngine:
    return DockerEngine(read_topology(stack.root), {})
