"""What each command does, in terms of an engine."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from native import leftovers
from native.layout import Layout
from stack import backend, choice
from stack.compose import Service, Topology, read_topology
from stack.environment import profiles, report
from stack.errors import StackError
from stack.lock import exclusive
from stack.model import Engine
from stack.profiles import left_out
from stack.state import write_state
from stack.variables import RELEASED

__all__ = ["build", "clean", "down", "kill", "logs", "run_tests", "start", "status", "stop", "up"]


def up(root: Path) -> str:
    """Start what does not run, wait until all is healthy, print where everything is; the engine's name."""
    began = time.monotonic()
    backend.prepare(root)
    topology, services = _read(root)
    if line := report(topology, os.environ):
        _say(line)
    with exclusive(Layout(root).lock, "up"):
        current = choice.running(topology, services)
        engine, reason = choice.choose(topology, services, os.environ.get("ENGINE", ""), current)
        _say(f"Engine: {engine.name}, because {reason}.")
        if current is None:
            Layout(root).state.unlink(missing_ok=True)
        # Written first, so that `make down` finds the engine of a start that was killed.
        write_state(Layout(root).state, engine.name, _without(), [])
        engine.up(_say)
        components = engine.components(measure=False)
        write_state(Layout(root).state, engine.name, _without(), components)
    from stack import view

    view.print_addresses(components, engine.left_out())
    _say(f"{len(components)} components are up after {time.monotonic() - began:.1f} s.")
    if "gateway" in {part.name for part in components}:
        _say(view.next_steps(topology))
    return engine.name


def build(root: Path) -> None:
    """Make every program of the native engine, so that the next `up` starts at once."""
    from native.forms import forms, select

    topology, services = _read(root)
    forms(topology, select(topology, services).services)
    _say("Every native program is built.")


def down(root: Path) -> None:
    """Stop the stack and keep its data."""
    topology, services = _read(root)
    with exclusive(Layout(root).lock, "down"):
        ran = _down(topology, services)
    _say("The stack is down; its data is kept (`make clean` deletes it)." if ran else "Nothing was running.")


def clean(root: Path) -> None:
    """Stop the stack, delete its data and say what was deleted."""
    topology, services = _read(root)
    with exclusive(Layout(root).lock, "clean"):
        _down(topology, services)
        for engine in choice.available(topology, services):
            engine.clean(_say)
        if (released := root / RELEASED).parent.exists():
            shutil.rmtree(released.parent)
            _say("Every service is again what .env says; its releases are forgotten")
    _say("The stack is down and its data deleted. Built programs are kept for the next `make up`.")


def stop(root: Path, name: str) -> None:
    """Stop one component of the stack that runs, and leave it stopped."""
    with exclusive(Layout(root).lock, "stop"):
        _engine_with(root, name).stop(name)
    _say(f"{name} is stopped. `python -m stack start {name}` starts it again.")


def kill(root: Path, name: str) -> None:
    """End one component at once, as a crash would."""
    with exclusive(Layout(root).lock, "kill"):
        _engine_with(root, name).kill(name)
    _say(f"{name} is killed.")


def start(root: Path, name: str) -> None:
    """Start one component that was stopped or killed, and wait until it is healthy."""
    with exclusive(Layout(root).lock, "start"):
        _engine_with(root, name).start(name, _say)


def status(root: Path) -> int:
    """Print the state of every component; 1 when one is not well or the stack is down."""
    topology, services = _read(root)
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
    from stack import view

    components = engine.components()
    view.print_status(components, engine.left_out())
    ill = [part.name for part in components if not part.ok]
    if ill:
        _say(f"Not well: {', '.join(ill)}. `make logs SERVICE={ill[0]}` shows why; `make up` starts what has ended.")
    return 1 if ill else 0


def logs(root: Path, names: list[str], lines: int, follow: bool) -> None:
    """Print the last lines of each component, and what follows."""
    topology, services = _read(root)
    unknown = [name for name in names if name not in topology.services]
    if unknown:
        raise StackError(f"There is no component {unknown[0]}.", f"Choose from: {', '.join(topology.services)}.")
    engine = choice.running(topology, services) or choice.NativeEngine(topology, services)
    for line in engine.logs(names, lines, follow):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def run_tests(root: Path, reports: Path, also: list[str]) -> int:
    """Up, the end-to-end suite and `also` (folders of tests), down; its exit status. A stack that ran before stays.

    Services, rules and dashboards are the same files for both engines. So the native engine runs the whole suite, and
    Docker what depends on the engine (tests marked `engine`), or all of it with FULL=1.
    A failure leaves what is needed to understand it in .run/bundle, collected while the stack still runs.
    """
    topology, services = _read(root)
    before = choice.running(topology, services)
    failed = True
    try:
        engine = up(root)
        chosen = ["-m", "engine"] if engine == "docker" and not os.environ.get("FULL") else []
        folders = ["tests/e2e", "tests/browser", "tests/grafana", *also]
        suite = [sys.executable, "-m", "pytest", *chosen, *folders, f"--junitxml={reports / 'e2e.xml'}"]
        status = subprocess.run(suite, cwd=root, env=os.environ | {"REPORTS": str(reports)}, check=False).returncode
        failed = status != 0
        return status
    finally:
        if failed:
            _bundle(topology, services)
        if before is None:
            down(root)


def _engine_with(root: Path, name: str) -> Engine:
    """The engine that runs the stack, which must know a component of this name."""
    topology, services = _read(root)
    if name not in services:
        raise StackError(f"There is no component {name}.", f"Choose from: {', '.join(services)}.")
    engine = choice.running(topology, services)
    if engine is None:
        raise StackError("The stack is down.", "`make up` starts it.")
    return engine


def _bundle(topology: Topology, services: dict[str, Service]) -> None:
    from ci.bundle import collect

    engine = choice.running(topology, services)
    name = engine.name if engine else os.environ.get("ENGINE") or "native"
    folder = collect(topology.root, name, Layout(topology.root).run / "bundle" / name)
    _say(f"What is to be known about the failure is in {folder.relative_to(topology.root)}.")


def _read(root: Path) -> tuple[Topology, dict[str, Service]]:
    topology = read_topology(root)
    smaller = left_out(os.environ.get("PROFILE", ""), topology.services)
    return topology, topology.selected(profiles(topology, os.environ), _without() | smaller)


def _without() -> set[str]:
    return set(re.split(r"[,\s]+", os.environ.get("WITHOUT", ""))) - {""}


def _down(topology: Topology, services: dict[str, Service]) -> bool:
    engine = choice.running(topology, services) or choice.recorded(topology, services)
    ran = (engine or choice.NativeEngine(topology, services)).down(_say)
    Layout(topology.root).state.unlink(missing_ok=True)
    return ran


def _say(line: str) -> None:
    print(line, flush=True)
