"""Implements each command on top of an engine."""

import os
import re
import shutil
import sys
import time
from pathlib import Path

from sandbox.engines import backend, choice, view
from sandbox.engines.engine import Engine
from sandbox.engines.lock import exclusive
from sandbox.engines.native import leftovers
from sandbox.engines.native.engine import NativeEngine
from sandbox.engines.state import write_state
from sandbox.model.compose import Service, Topology, read_topology
from sandbox.model.environment import profiles, report
from sandbox.model.errors import StackError
from sandbox.model.layout import Layout
from sandbox.model.profiles import left_out
from sandbox.model.variables import RELEASED

__all__ = ["build", "clean", "down", "kill", "logs", "read", "start", "status", "stop", "up"]


def up(root: Path) -> str:
    """Start what is not running, wait until all is healthy, print the addresses; return the engine's name."""
    began = time.monotonic()
    backend.prepare(root)
    topology, services = read(root)
    if line := report(topology, os.environ):
        _say(line)
    with exclusive(Layout(root).lock, "up"):
        current = choice.running(topology, services)
        engine, reason = choice.choose(topology, services, os.environ.get("ENGINE", ""), current)
        _say(f"Engine: {engine.name}, because {reason}.")
        if current is None:
            Layout(root).state.unlink(missing_ok=True)
        # Written first, so that `make down` finds the engine even if this start is killed.
        write_state(Layout(root).state, engine.name, _without(), [])
        engine.up(_say)
        components = engine.components(measure=False)
        write_state(Layout(root).state, engine.name, _without(), components)
    view.print_addresses(components, engine.left_out())
    _say(f"{len(components)} components are up after {time.monotonic() - began:.1f} s.")
    if "gateway" in {part.name for part in components}:
        _say(view.next_steps(topology))
    return engine.name


def build(root: Path) -> None:
    """Build all programs of the native engine, so that the next `up` starts at once."""
    from sandbox.engines.native.forms import forms, select

    topology, services = read(root)
    forms(topology, select(topology, services).services)
    _say("Every native program is built.")


def down(root: Path) -> None:
    """Stop the stack and keep its data."""
    topology, services = read(root)
    with exclusive(Layout(root).lock, "down"):
        ran = _down(topology, services)
    _say("The stack is down; its data is kept (`make clean` deletes it)." if ran else "Nothing was running.")


def clean(root: Path) -> None:
    """Stop the stack, delete its data and print what was deleted."""
    topology, services = read(root)
    with exclusive(Layout(root).lock, "clean"):
        _down(topology, services)
        for engine in choice.available(topology, services):
            engine.clean(_say)
        if (released := root / RELEASED).parent.exists():
            shutil.rmtree(released.parent)
            _say("Every service is again what .env says; its releases are forgotten")
    _say("The stack is down and its data deleted. Built programs are kept for the next `make up`.")


def stop(root: Path, name: str) -> None:
    """Stop one component of the running stack; it stays stopped."""
    with exclusive(Layout(root).lock, "stop"):
        _engine_with(root, name).stop(name)
    _say(f"{name} is stopped. `python -m sandbox start {name}` starts it again.")


def kill(root: Path, name: str) -> None:
    """Kill one component, as a crash would."""
    with exclusive(Layout(root).lock, "kill"):
        _engine_with(root, name).kill(name)
    _say(f"{name} is killed.")


def start(root: Path, name: str) -> None:
    """Start one component that was stopped or killed, and wait until it is healthy."""
    with exclusive(Layout(root).lock, "start"):
        _engine_with(root, name).start(name, _say)


def status(root: Path) -> int:
    """Print the state of every component. Return 1 if one is unhealthy or the stack is down."""
    topology, services = read(root)
    engine = choice.running(topology, services)
    if engine is None:
        remains = leftovers.find(root)
        if remains:
            _say(
                f"The stack is down, but {len(remains)} processes of an interrupted run remain. `make down` ends them."
            )
        else:
            _say("The stack is down. `make up` starts it.")
        return 1
    components = engine.components()
    view.print_status(components, engine.left_out())
    ill = [part.name for part in components if not part.ok]
    if ill:
        _say(f"Not healthy: {', '.join(ill)}. `make logs SERVICE={ill[0]}` shows why; `make up` starts what has ended.")
    return 1 if ill else 0


def logs(root: Path, names: list[str], lines: int, follow: bool) -> None:
    """Print the last lines of each component, and new ones if requested."""
    topology, services = read(root)
    unknown = [name for name in names if name not in topology.services]
    if unknown:
        raise StackError(f"There is no component {unknown[0]}.", f"Choose from: {', '.join(topology.services)}.")
    engine = choice.running(topology, services) or NativeEngine(topology, services)
    for line in engine.logs(names, lines, follow):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def _engine_with(root: Path, name: str) -> Engine:
    """Return the engine that runs the stack. Raises StackError if it has no component of this name."""
    topology, services = read(root)
    if name not in services:
        raise StackError(f"There is no component {name}.", f"Choose from: {', '.join(services)}.")
    engine = choice.running(topology, services)
    if engine is None:
        raise StackError("The stack is down.", "`make up` starts it.")
    return engine


def read(root: Path) -> tuple[Topology, dict[str, Service]]:
    """Return the topology, and the services that PROFILE, WITHOUT and COMPOSE_PROFILES select."""
    topology = read_topology(root)
    smaller = left_out(os.environ.get("PROFILE", ""), topology.services)
    return topology, topology.selected(profiles(topology, os.environ), _without() | smaller)


def _without() -> set[str]:
    return set(re.split(r"[,\s]+", os.environ.get("WITHOUT", ""))) - {""}


def _down(topology: Topology, services: dict[str, Service]) -> bool:
    engine = choice.running(topology, services) or choice.recorded(topology, services)
    ran = (engine or NativeEngine(topology, services)).down(_say)
    Layout(topology.root).state.unlink(missing_ok=True)
    return ran


def _say(line: str) -> None:
    print(line, flush=True)
