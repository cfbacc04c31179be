"""Schedules a build: downloads precede the compiler, two programs at a time, Python environments in parallel."""

import json
import shutil
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from sandbox.engines.native.build import cache, venvs
from sandbox.engines.native.build.commands import Runner
from sandbox.engines.native.build.goprograms import GoBuild
from sandbox.engines.native.build.progress import Made, Progress, Step
from sandbox.engines.native.build.web import SECONDS as WEB_SECONDS
from sandbox.engines.native.build.web import WebBuild

__all__ = ["report", "run"]

# Two builds at once: while one links or waits, which needs at most one processor, the other compiles.
BUILDERS = 2
# GiB of a complete cold build, as measured. A partial build counts in proportion to its build time.
MODULES_GIB, OBJECTS_GIB, RESULTS_GIB = 5.5, 4.0, 1.5
SECONDS_OF_ALL = 800
# Even the smallest program compiles Go's standard library.
LEAST_GIB = 0.3
UNMEASURED = 30


def report() -> dict[str, object] | None:
    """Return the cost of the last build; None before the first.

    Format: {"seconds": wall clock, "rows": [Made as a dict, ...]}.
    """
    file = _report_file()
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None


def run(builds: Sequence[GoBuild], locks: Sequence[Path], console: Console, webs: Sequence[WebBuild] = ()) -> None:
    """Make these programs, environments and pages.

    Raises StackError at the first failure, after terminating the other builds.
    """
    if not builds and not locks and not webs:
        return
    _require_space(builds)
    _sweep()
    steps = {b.program.name: Step(b.program.name, _expected(b.program.name, b.program.seconds)) for b in builds}
    steps |= {str(lock): Step(_title(lock), _expected(_title(lock), UNMEASURED)) for lock in locks}
    steps |= {str(web.folder): Step(web.name, _expected(web.name, WEB_SECONDS)) for web in webs}
    console.print(_announcement(list(steps.values()), builds), highlight=False, soft_wrap=True)
    progress = Progress(list(steps.values()), console)
    runner = Runner(cache.directory() / "logs")
    with progress.shown():
        _work(builds, locks, webs, steps, runner)
    _remember(progress)
    console.print(progress.summary())


def _work(
    builds: Sequence[GoBuild], locks: Sequence[Path], webs: Sequence[WebBuild], steps: dict[str, Step], runner: Runner
) -> None:
    # Longest first: a long build at the end would run alone.
    ordered = sorted(builds, key=lambda build: -build.program.seconds)
    with ExitStack() as stack:
        downloader, environments = (stack.enter_context(ThreadPoolExecutor(1)) for _ in range(2))
        builders = stack.enter_context(ThreadPoolExecutor(BUILDERS))
        futures: list[Future[None]] = [
            environments.submit(_environment, lock, runner, steps[str(lock)]) for lock in locks
        ]
        # Queued after the environments, because one of them contains the Node.js that builds the pages.
        futures += [environments.submit(web.make, runner, steps[str(web.folder)]) for web in webs]
        for build in ordered:
            step = steps[build.program.name]
            fetched = downloader.submit(build.fetch, runner, step)
            futures += [fetched, builders.submit(_program, build, fetched, runner, step)]
        try:
            for future in wait(futures, return_when=FIRST_EXCEPTION).done:
                future.result()
        except BaseException:
            for future in futures:
                future.cancel()
            runner.stop()
            raise


def _program(build: GoBuild, fetched: "Future[None]", runner: Runner, step: Step) -> None:
    fetched.result()
    step.end(build.make(runner, step))


def _environment(lock: Path, runner: Runner, step: Step) -> None:
    step.begin("installing")
    usage = venvs.create(lock, runner)
    step.end(Made(step.name, step.seconds, usage.cpu))


def _title(lock: Path) -> str:
    return f"python-{lock.stem if lock.stem != 'requirements' else lock.parent.name}"


def _announcement(steps: Sequence[Step], builds: Sequence[GoBuild]) -> str:
    minutes = max(1, round(sum(step.expected for step in steps) / 60))
    names = ", ".join(step.name for step in steps)
    caches = f" Go's caches grow with it: {builds[0].go.build_cache}, {builds[0].go.module_cache}." if builds else ""
    return (
        f"Building once what the images hold: {names}. About {minutes} min on two processors; kept in "
        f"{cache.directory()} for every clone.{caches} Interrupt it whenever you like: what is finished stays."
    )


def _require_space(builds: Sequence[GoBuild]) -> None:
    if builds:
        share = min(1.0, sum(build.program.seconds for build in builds) / SECONDS_OF_ALL)
        go = builds[0].go
        needs = ((go.module_cache, MODULES_GIB), (go.build_cache, OBJECTS_GIB), (cache.directory(), RESULTS_GIB))
        cache.require_space([(path, max(LEAST_GIB, gib * share)) for path, gib in needs])


def _sweep() -> None:
    """Remove partial results of killed builds. We hold the lock, so no other build uses them."""
    for folder in ("programs", "web"):
        for leftover in (cache.directory() / folder).glob(".*"):
            shutil.rmtree(leftover, ignore_errors=True)


def _report_file() -> Path:
    return cache.directory() / "last-build.json"


def _expected(name: str, otherwise: float) -> float:
    """Return the seconds that this step took on this machine last time, if known."""
    return _durations().get(name, otherwise)


def _durations() -> dict[str, float]:
    file = cache.directory() / "durations.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def _remember(progress: Progress) -> None:
    rows = [asdict(step.row) for step in progress.steps if step.row]
    _report_file().write_text(json.dumps({"seconds": progress.elapsed, "rows": rows}, indent=1), encoding="utf-8")
    durations = _durations() | {step.row.name: round(step.seconds) for step in progress.steps if step.row}
    (cache.directory() / "durations.json").write_text(json.dumps(durations, indent=1), encoding="utf-8")
