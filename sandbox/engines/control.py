"""Controls components without regard to the engine: listening ports, output, stop, kill, freeze, start.

No other part of the test suite knows which engine runs the stack.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import httpx
import psutil

from sandbox.completeness.senders import wait_for_senders
from sandbox.engines import commands
from sandbox.engines.docker import DockerEngine
from sandbox.engines.native import leftovers
from sandbox.engines.native.supervisor import Supervisor
from sandbox.model.compose import read_topology
from sandbox.model.layout import Layout
from sandbox.model.stack import Stack
from sandbox_testing.polling import eventually

__all__ = [
    "Listener",
    "freeze",
    "kill",
    "listeners",
    "name",
    "output",
    "start",
    "stop",
    "thaw",
    "without",
]


@dataclass(frozen=True, order=True)
class Listener:
    """An open TCP port and the component that listens on it."""

    port: int
    address: str
    holder: str


def name(stack: Stack) -> str:
    """Return ``native`` if processes of this checkout run, otherwise ``docker``."""
    return "native" if leftovers.find(stack.root) else "docker"


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
        eventually(
            "a healthy collector", lambda: httpx.get(health, timeout=2.0, trust_env=False).is_success, timeout=60.0
        )
        if senders:
            wait_for_senders(stack)


def stop(stack: Stack, component: str) -> None:
    """Stop a component as an orchestrator does."""
    commands.stop(stack.root, component)


def kill(stack: Stack, component: str) -> None:
    """Kill a component with SIGKILL."""
    commands.kill(stack.root, component)


def freeze(stack: Stack, component: str) -> None:
    """Suspend a component until ``thaw``. Its connections and its port stay open."""
    if name(stack) == "native":
        _process(stack, component).suspend()
    else:
        _compose(stack, "pause", component)


def thaw(stack: Stack, component: str) -> None:
    """Resume a suspended component. No effect if it is not suspended or has exited."""
    if name(stack) == "native":
        with suppress(psutil.NoSuchProcess):
            _process(stack, component).resume()
    elif component in _compose(stack, "ps", "--status", "paused", "--services").split():
        _compose(stack, "unpause", component)


def listeners(stack: Stack) -> list[Listener]:
    """Return every TCP port that the running stack has open on this machine."""
    found = _of_processes(stack) if name(stack) == "native" else _published(stack)
    return sorted(set(found))


def output(stack: Stack) -> Iterator[tuple[str, str]]:
    """Return (component, text) pairs: the retained standard output of each component."""
    if name(stack) == "native":
        for path in sorted(Layout(stack.root).logs.glob("*.log")):
            yield path.stem, path.read_text(encoding="utf-8", errors="replace")
    else:
        for service in _compose(stack, "ps", "--all", "--services").split():
            yield service, _compose(stack, "logs", "--no-color", "--no-log-prefix", service)


def _process(stack: Stack, component: str) -> psutil.Process:
    """Return the process of a component. Raises psutil.NoSuchProcess if there is none."""
    state = Supervisor(Layout(stack.root)).states()[component]
    if state.status != "Running":
        raise psutil.NoSuchProcess(state.pid)
    return psutil.Process(state.pid)


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
    for container in _docker_engine(stack).containers():
        for port in container["Publishers"] or []:
            if port["PublishedPort"]:
                yield Listener(port["PublishedPort"], port["URL"], container["Service"])


def _compose(stack: Stack, *arguments: str) -> str:
    return _docker_engine(stack).compose(*arguments)


def _docker_engine(stack: Stack) -> DockerEngine:
    return DockerEngine(read_topology(stack.root), {})
