"""`python -m tests.ci`: the unattended run. `.ci/run` calls it when make and the tools' environment exist."""

import contextlib
import os
import shutil
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import psutil

from loadtest import locust_run
from sandbox.engines.kubernetes import chart, parts
from sandbox.engines.native import build, leftovers
from sandbox.engines.native.build import cache
from sandbox.engines.native.images import load
from sandbox.model import ROOT
from sandbox.model.variables import read_variables
from tests.ci import engine, images, summary
from tests.ci.base import BaseUnavailable
from tests.ci.results import Outcome, read_cases, read_reports, write_report
from tests.ci.steps import Steps

__all__ = ["main"]

REPORTS = ROOT / ".run" / "reports"
LOGS = ROOT / ".run" / "ci"
BUNDLE = ROOT / ".run" / "bundle"
# Every process of the run inherits this variable, so that leftovers can be identified.
MARKER = "SANDBOX_CI_RUN"
# What the stand-in images do not cover. It is printed, so that the omission is visible.
WITHOUT = {"grafana": "no package registry carries Grafana, so no stand-in for its image can be made"}

# Loki, Tempo and the collector are down at the same time: faster than three outages with a recovery each. `make
# figures` measures longer outages.
AT_ONCE = {"LOSS_SECONDS": "20", "LOSS_AT_ONCE": "1"}
# Docker takes some seconds more to stop and start the collector, whose outage may last 20 s in all.
SLOWER_TO_START = {"LOSS_SECONDS": "12"}


@dataclass
class Docker:
    """The engine of the Docker leg, and the variables that select it and its images, if it can run here."""

    daemon: engine.Daemon | None = None
    environment: dict[str, str] | None = None


def main() -> int:
    """Run every step, print the result as the last line; return 0 if nothing failed."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # In the background of a script, it would inherit that interrupts are ignored, and so would every test.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ[MARKER] = uuid.uuid4().hex
    for folder in (REPORTS, LOGS, BUNDLE):
        shutil.rmtree(folder, ignore_errors=True)
    LOGS.mkdir(parents=True)
    began = time.monotonic()
    minutes = float(os.environ.get("CI_MINUTES", "80"))
    steps = Steps(ROOT, LOGS, began + minutes * 60)
    interrupted = False
    docker, built = Docker(), threading.Event()
    try:
        with _beside(steps, lambda: _background(steps, built, docker)):
            try:
                _build(steps)
            finally:
                built.set()
            _stack(steps, "native", AT_ONCE)
        _docker(steps, docker)
    except KeyboardInterrupt:
        interrupted = True
        steps.record(Outcome("the run reaches its end", 0, failure="the run was interrupted"))
    finally:
        if docker.daemon:
            docker.daemon.stop()
    _nothing_left(steps)
    return _conclude(steps, interrupted, time.monotonic() - began)


def _background(steps: Steps, built: threading.Event, docker: Docker) -> None:
    """Do what needs no stack with the processor time that the native leg leaves."""
    steps.command("make lint", ["make", "lint"], 15, background=True)
    steps.command("make audit", ["make", "audit"], 5, background=True)
    _tests(steps, "unit", 20)
    # What follows starts the programs, or copies them into images.
    built.wait()
    _prepare(steps, docker)
    _tests(steps, "config", 30)


def _tests(steps: Steps, target: str, minutes: float) -> None:
    reports = REPORTS / target
    command = ["make", target, f"REPORTS={reports.relative_to(ROOT)}"]
    steps.command(f"make {target}", command, minutes, reports=reports, background=True)


@contextlib.contextmanager
def _beside(steps: Steps, work: Callable[[], None]) -> Iterator[None]:
    """Run other work while the block runs, and wait for it. An interrupt of the block ends both."""
    with ThreadPoolExecutor(1) as thread:
        other = thread.submit(work)
        try:
            yield
        except BaseException:
            steps.abandon()
            raise
        other.result()


def _build(steps: Steps) -> None:
    for target, minutes in (("build", 35), ("examples-made", 10)):
        steps.command(f"make {target}", ["make", target], minutes)
    steps.call("Locust's environment", lambda: str(locust_run.environment()))


def _stack(steps: Steps, name: str, environment: dict[str, str]) -> None:
    """Start the stack with engine `name`, run the end-to-end tests, stop it. Its data is deleted in any case."""
    size = environment.get("SIZE", "")
    reports = REPORTS / (f"{name}-{size}" if size else name)
    # A service on this machine is no target of a cluster's Prometheus, and its page is about the other engines.
    examples = [] if name == "kubernetes" else ["EXAMPLES=1"]
    arguments = [f"ENGINE={name}", f"REPORTS={reports.relative_to(ROOT)}", *examples]
    try:
        title = f"make test ENGINE={name}{f' SIZE={size}' if size else ''}"
        steps.command(title, ["make", "test", *arguments], 40, environment, reports)
    finally:
        # May exceed the deadline: what was started must be stopped.
        patient = Steps(ROOT, LOGS, time.monotonic() + 180, steps.outcomes)
        patient.command(f"make clean ENGINE={name}", ["make", "clean", f"ENGINE={name}"], 3, environment)


def _docker(steps: Steps, docker: Docker) -> None:
    if docker.environment is None:
        # An unavailable engine is reported as skipped; this line explains the consequence.
        print("\nThe Docker leg did not reach its tests; the steps above say why.", flush=True)
        return
    _stack(steps, "docker", docker.environment | AT_ONCE | SLOWER_TO_START)
    if os.environ.get("CI_CLUSTER"):
        _cluster(steps, docker.environment)


def _cluster(steps: Steps, environment: dict[str, str]) -> None:
    """Run the chart on a node, with the images of the Docker steps under their official names."""
    stand_ins = {name: one for name, one in environment.items() if name.startswith("IMAGE_")}

    def prepare() -> str:
        images.name_officially(stand_ins, environment)
        return f"{len(build.ensure_tools(parts.TOOLS))} programs of a node are built."

    if steps.call("programs and images of a Kubernetes node", prepare):
        for size in ("small", "standard"):
            _stack(steps, "kubernetes", {**environment, "SIZE": size})


def _prepare(steps: Steps, docker: Docker) -> None:
    """Start the engine of the Docker leg, if none responds, and build its images."""

    def packages() -> str:
        installed = engine.ensure_packages()
        return f"Installed {', '.join(installed)}." if installed else "Everything needed is installed."

    def begin() -> str:
        compose = build.ensure_tools(["compose"])["docker-compose"]
        docker.daemon = engine.start(cache.directory() / "docker", LOGS / "dockerd.log", compose)
        return "An engine of the run's own is up." if docker.daemon.process else "The engine that answers is used."

    ready = steps.call("packages of the Docker engine", packages, (engine.EngineUnavailable,))
    ready = ready and steps.call("Docker engine", begin, (engine.EngineUnavailable,))
    if not ready or docker.daemon is None:
        return
    overrides = _images(steps, docker.daemon.environment)
    if overrides is not None:
        docker.environment = docker.daemon.environment | overrides
        command = ["docker", "compose", "build", "--quiet"]
        steps.command("images of the services", command, 20, docker.environment, background=True)


def _images(steps: Steps, environment: dict[str, str]) -> dict[str, str] | None:
    """Build the stand-ins and return the variables that select them; None if that failed.

    With CI_IMAGES=official, nothing is built or left out: the images of .env are pulled.
    """
    if os.environ.get("CI_IMAGES") == "official":
        return {}
    for name, reason in WITHOUT.items():
        print(f"\nThe Docker leg runs without {name}: {reason}.", flush=True)
    overrides: dict[str, str] = {}
    # Building these takes minutes, and only a cluster runs them.
    left_out = set() if os.environ.get("CI_CLUSTER") else {f"IMAGE_{name.upper()}" for name in chart.OF_A_CLUSTER}
    variables = {name: value for name, value in read_variables(ROOT).items() if name not in left_out}

    def make() -> str:
        folder = cache.directory() / "stand-ins"
        overrides.update(images.make_all(ROOT, folder, load(), variables, environment))
        return f"{len(overrides)} stand-in images are ready."

    done = steps.call("stand-in images", make, (BaseUnavailable,))
    return {**overrides, "WITHOUT": " ".join(WITHOUT)} if done else None


def _nothing_left(steps: Steps) -> None:
    """Fail a run that leaves a process behind, even if its tests passed; terminate what is left."""
    ours = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    left, told = [], ["processes were left running, and ended now:"]
    for process in psutil.process_iter(["pid", "cmdline"]):
        with contextlib.suppress(psutil.Error):
            if process.pid not in ours and process.environ().get(MARKER) == os.environ[MARKER]:
                told.append(f"{process.pid} {' '.join(process.info['cmdline'] or [])[:120]}")
                left.append(process)
    leftovers.end(left)
    steps.record(Outcome("no process is left behind", 0, failure="\n".join(told) if left else ""))


def _conclude(steps: Steps, interrupted: bool, seconds: float) -> int:
    cases = read_cases(REPORTS)
    write_report(steps.outcomes, REPORTS / "ci.xml")
    tally = read_reports(REPORTS)
    if tally.failed:
        BUNDLE.mkdir(parents=True, exist_ok=True)
        shutil.copytree(LOGS, BUNDLE / "steps", dirs_exist_ok=True)
        shutil.copytree(REPORTS, BUNDLE / "reports", dirs_exist_ok=True)
    for line in summary.lines(steps.outcomes, cases, tally, seconds, str(BUNDLE.relative_to(ROOT))):
        print(line, flush=True)
    return 130 if interrupted else int(tally.failed > 0)


if __name__ == "__main__":
    sys.exit(main())
