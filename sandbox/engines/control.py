"""The only part of the suite that knows which engine runs the stack: who listens, what the programs printed, how one of
them is stopped, killed and started again."""

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import httpx
import psutil

from sandbox.engines import commands
from sandbox.engines.docker import DockerEngine
from sandbox.engines.native import leftovers
from sandbox.engines.native.supervisor import Supervisor
from sandbox.model.compose import read_topology
from sandbox.model.layout import Layout
from sandbox.model.stack import Stack
from sandbox.telemetry.senders import wait_for_senders
from sandbox_testing.polling import eventually

__all__ = [
    "Listener",
    "address_for_containers",
    "called_port",
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
    """An open TCP port and who holds it."""

    port: int
    address: str
    holder: str


def name(stack: Stack) -> str:
    """``native`` where processes of this checkout run, else ``docker``."""
    return "native" if leftovers.find(stack.root) else "docker"


@contextmanager
def without(stack: Stack, *components: str) -> Iterator[None]:
    """Stop components for as long as the block runs; afterwards they are healthy again."""
    try:
        for component in components:
            commands.stop(stack.root, component)
        yield
    finally:
        for component in components:
            start(stack, component)


def start(stack: Stack, component: str, *, senders: bool = True) -> None:
    """Start a component and wait until it is healthy; and the collector until services send to it again."""
    commands.start(stack.root, component)
    if component == "otel-collector":
        # Its image has no program that could ask it, so its engine does not know.
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
    """End a component at once (SIGKILL)."""
    commands.kill(stack.root, component)


def freeze(stack: Stack, component: str) -> None:
    """Let a component stand still, with its connections and its port open, until ``thaw``."""
    if name(stack) == "native":
        _process(stack, component).suspend()
    else:
        _compose(stack, "pause", component)


def thaw(stack: Stack, component: str) -> None:
    """Let a component that stands still go on; one that does not stand still, or has ended, is left alone."""
    if name(stack) == "native":
        with suppress(psutil.NoSuchProcess):
            _process(stack, component).resume()
    elif component in _compose(stack, "ps", "--status", "paused", "--services").split():
        _compose(stack, "unpause", component)


def called_port(stack: Stack, service: str) -> int:
    """The port at which other services reach a service: inside a network of containers it is not the published one."""
    if name(stack) == "native":
        return stack.port(service)
    return read_topology(stack.root).services[service].ports[0].target


def address_for_containers(stack: Stack) -> str:
    """Where a program of this machine must listen so that the stack reaches it as host.docker.internal."""
    if name(stack) == "docker":
        # By the bridge's name: an engine does not tell its address before a container was on it.
        options = json.loads(_docker("network", "inspect", "bridge"))[0]["Options"]
        addresses = psutil.net_if_addrs().get(options.get("com.docker.network.bridge.name", ""), [])
        # An engine in a virtual machine hands the name on to 127.0.0.1; its bridge is not of this machine.
        for address in addresses:
            if address.family is socket.AF_INET:
                return str(address.address)
    return "127.0.0.1"


def listeners(stack: Stack) -> list[Listener]:
    """Every TCP port that the running stack has open on this machine."""
    found = _of_processes(stack) if name(stack) == "native" else _published(stack)
    return sorted(set(found))


def output(stack: Stack) -> Iterator[tuple[str, str]]:
    """What each component wrote to its standard output, as far as it is kept: (component, text)."""
    if name(stack) == "native":
        for path in sorted(Layout(stack.root).logs.glob("*.log")):
            yield path.stem, path.read_text(encoding="utf-8", errors="replace")
    else:
        for service in _compose(stack, "ps", "--all", "--services").split():
            yield service, _compose(stack, "logs", "--no-color", "--no-log-prefix", service)


def _process(stack: Stack, component: str) -> psutil.Process:
    """The process of a component; raises psutil.NoSuchProcess when there is none."""
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


def _docker(*arguments: str) -> str:
    command = ["docker", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr.strip()[-1000:]}")
    return done.stdout
