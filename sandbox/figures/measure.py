"""The measurements. Each returns plain data in the format of docs/figures.json."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from loadtest.telemetry_check import observed_load
from sandbox.engines import choice
from sandbox.engines.native.engine import SUPERVISOR
from sandbox.engines.native.memory import anonymous_memory
from sandbox.model.compose import read_topology
from sandbox.model.errors import StackError
from sandbox.model.profiles import PROFILES
from sandbox.model.stack import Stack
from sandbox.release.gap import gap

__all__ = [
    "cold_build",
    "idle_memory",
    "losses",
    "machine",
    "profiles",
    "queryable",
    "release",
    "saturation",
    "stack",
    "telemetry_cost",
    "warm_start",
]

# After their start, components load, compact and fetch for a while; measure after that.
SETTLE_SECONDS = 60
MIB = 2**20
# More than two processors can serve, regardless of the pauses between requests.
SATURATING_USERS = 60
UNLIMITED = "1000000/minute"


def machine() -> dict[str, object]:
    """Return the machine's number of cores and MiB of memory."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // MIB
    return {"cores": os.cpu_count(), "memory_mib": memory, "python": ".".join(map(str, sys.version_info[:3]))}


def stack(root: Path, command: str, **environment: str) -> float:
    """Run one command of the stack natively; return its duration in seconds. Raises StackError if it fails."""
    began = time.monotonic()
    _run(root, ["sandbox", command], f"`python -m sandbox {command}` failed", ENGINE="native", **environment)
    return time.monotonic() - began


def _run(root: Path, module: list[str], problem: str, **environment: str) -> None:
    """Run a module with this Python and arguments. Raises StackError with its last lines if it fails."""
    ended = subprocess.run(
        [sys.executable, "-m", *module],
        cwd=root,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise StackError(problem, "Make it work, then measure.", ended.stdout.splitlines()[-12:])


def warm_start(root: Path, runs: int) -> dict[str, object]:
    """Return seconds from the command to a healthy stack, with programs built and data kept.

    The stack is left running.
    """
    values = []
    for _ in range(runs):
        stack(root, "down")
        values.append(round(stack(root, "up"), 2))
    return {"median": round(median(values), 2), "values": values}


def idle_memory(root: Path) -> dict[str, object]:
    """Return MiB (PSS) of each idle component, and the total of anonymous memory. Needs a running stack.

    The rest is mapped files of the programs, which the kernel can evict and reload as needed.
    """
    time.sleep(SETTLE_SECONDS)
    topology = read_topology(root)
    engine = choice.running(topology, topology.services)
    if engine is None or engine.name != "native":
        raise StackError("The native stack does not run.", "Run `make up ENGINE=native`.")
    parts = engine.components()
    sizes = {part.name: round(part.memory / MIB, 1) for part in parts if part.memory}
    # All processes are the supervisor's descendants.
    [supervisor] = [int(part.identity) for part in parts if part.name == SUPERVISOR]
    return {"mib": sizes, "anonymous_mib": round(anonymous_memory(supervisor) / MIB)}


def profiles(root: Path, runs: int) -> dict[str, object]:
    """Return seconds to healthy and MiB after the start, for each smaller stack. Afterwards nothing runs."""
    found: dict[str, object] = {}
    stack(root, "down")
    for name in PROFILES:
        seconds = []
        for _ in range(runs):
            seconds.append(round(stack(root, "up", PROFILE=name), 2))
            topology = read_topology(root)
            engine = choice.running(topology, topology.services)
            parts = engine.components() if engine else []
            stack(root, "down", PROFILE=name)
        memory = sum(part.memory or 0 for part in parts)
        found[name] = {"median": round(median(seconds), 2), "values": seconds, "mib": round(memory / MIB)}
    return found


def queryable(root: Path) -> dict[str, object]:
    """Return seconds from a response until its trace, log line and metric are found. Needs a running stack."""
    found = figures_of_tests(root, ["tests/e2e/test_stores.py", "-k", "queryable"])
    return {name: figure for name, figure in found.items() if "queryable" in name}


def browser(root: Path) -> dict[str, object]:
    """Measure the cost of telemetry for a page, the delay of an error, the loss in a burst. Needs a running stack."""
    places = ("a_browser", "a_service")
    bursts = [
        f"tests/browser/test_resilience.py::test_burst_of_errors_in_{place}_is_kept_whole_and_slows_nobody"
        for place in places
    ]
    tests = ["tests/e2e/test_error_alerts.py", "tests/browser/test_cost.py", *bursts]
    return figures_of_tests(root, tests, PAGE_LOADS="15", BURST="500")


def losses(root: Path, seconds: float) -> dict[str, object]:
    """Measure the losses while each component is down for a given time, in one experiment. Needs a running stack."""
    found = figures_of_tests(root, ["tests/e2e/test_losses.py"], LOSS_SECONDS=str(seconds), LOSS_AT_ONCE="1")
    return {
        "each_seconds": seconds,
        **{name: figure["median"] for name, figure in found.items() if name.startswith("losses: ")},
    }


def release(root: Path) -> dict[str, object]:
    """Measure the duration of a release under load, and the longest wait of a request. Needs a running stack."""
    found = figures_of_tests(root, ["tests/e2e/test_release.py", "-k", "under_load"])
    return {**{name: figure["median"] for name, figure in found.items()}, "gateway gap": gap(Stack(root))}


def saturation(root: Path, duration: str) -> dict[str, object]:
    """Measure what was sent at full speed for a duration (`60s`), and how much of it each store has.

    The stack is left running.
    """
    stack(root, "up", RATE_LIMIT_ADDRESS=UNLIMITED, RATE_LIMIT_CUSTOMER=UNLIMITED)
    try:
        load, seen = observed_load(Stack(), SATURATING_USERS, duration, processes=1)
    finally:
        stack(root, "up")
    return {
        "users": SATURATING_USERS,
        "requests": load.requests,
        "failures": load.failures,
        "seconds": round(load.seconds, 1),
        "median_ms": load.percentile(0.5),
        "p99_ms": load.percentile(0.99),
        "checks": [{"what": check.what, "seen": check.seen, "wanted": check.wanted} for check in seen.checks],
    }


def figures_of_tests(root: Path, tests: list[str], **environment: str) -> dict[str, Any]:
    """Run end-to-end tests; return their measurements by name. Raises StackError with their last lines if one fails."""
    report = root / ".run" / "reports" / "figures.json"
    report.unlink(missing_ok=True)
    _run(root, ["pytest", "-q", *tests], f"{tests[0]} failed, so it measured nothing", **environment)
    return json.loads(report.read_text())


def telemetry_cost(root: Path) -> dict[str, object]:
    """Measure CPU time and throughput of each workload without and with telemetry. Needs a running, idle stack."""
    found: dict[str, object] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        for workload in ("null", "payment"):
            report = Path(folder, workload)
            _run(root, ["sandbox", "bench", workload, "--json", str(report)], f"The benchmark of {workload} failed")
            found[workload] = json.loads(report.read_text())["parts"]
    return found


def cold_build(root: Path) -> dict[str, object]:
    """Return seconds to build every program with empty caches, downloads included, in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="cold-build-") as folder:
        caches = {
            "SANDBOX_CACHE": f"{folder}/sandbox",
            "GOCACHE": f"{folder}/go-build",
            "GOMODCACHE": f"{folder}/go-mod",
            # Read-only module folders could not be deleted.
            "GOFLAGS": f"{os.environ.get('GOFLAGS', '')} -modcacherw".strip(),
        }
        stack(root, "build", **caches)
        return json.loads(Path(folder, "sandbox", "last-build.json").read_text())
