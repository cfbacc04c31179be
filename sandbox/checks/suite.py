"""`make test`: starts the stack, runs the end-to-end suite, stops the stack, and collects a bundle of a failure."""

import os
import subprocess
import sys
from pathlib import Path

from sandbox.checks.bundle import collect
from sandbox.engines import choice
from sandbox.engines.commands import down, read, up
from sandbox.model.compose import Service, Topology
from sandbox.model.layout import Layout

__all__ = ["run_tests"]

# The engine's tests that ask through the published ports alone, not the machine that runs the stack.
OF_CLUSTERS = [f"tests/e2e/test_{name}.py" for name in ("stores", "next_steps", "counting", "alerts", "metrics")]


def run_tests(root: Path, reports: Path, also: list[str]) -> int:
    """Start the stack, run the end-to-end suite and the folders in `also`, stop the stack; return the exit status.

    A stack that was running before stays. Services, rules and dashboards are the same files for both engines. So the
    native engine runs the whole suite, and Docker only the tests that depend on the engine (mark `engine`), or all of
    them with FULL=1. Kubernetes runs its own tests and those of OF_CLUSTERS. A failure leaves a bundle in
    .run/bundle, collected while the stack is still running.
    """
    topology, services = read(root)
    before = choice.running(topology, services)
    failed = True
    try:
        engine = up(root)
        suite = [sys.executable, "-m", "pytest", *_chosen(engine), *also, f"--junitxml={reports / 'e2e.xml'}"]
        status = subprocess.run(suite, cwd=root, env=os.environ | {"REPORTS": str(reports)}, check=False).returncode
        failed = status != 0
        return status
    finally:
        if failed:
            _bundle(topology, services)
        if before is None:
            down(root)


def _chosen(engine: str) -> list[str]:
    """Return the tests that show what depends on the engine; all with the native one."""
    if engine == "kubernetes":
        # With several replicas, a port is one of them at a time; these compare the page of a service with the stores.
        further = OF_CLUSTERS if (os.environ.get("SIZE") or "small") == "small" else []
        return ["-m", "engine", "tests/kubernetes", *further]
    marked = ["-m", "engine"] if engine == "docker" and not os.environ.get("FULL") else []
    return [*marked, "tests/e2e", "tests/browser", "tests/grafana"]


def _bundle(topology: Topology, services: dict[str, Service]) -> None:
    engine = choice.running(topology, services)
    name = engine.name if engine else os.environ.get("ENGINE") or "native"
    folder = collect(topology.root, name, Layout(topology.root).run / "bundle" / name)
    print(f"What is to be known about the failure is in {folder.relative_to(topology.root)}.", flush=True)
