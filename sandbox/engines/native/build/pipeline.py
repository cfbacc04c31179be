"""Schedules a build: downloads precede the compiler, two programs at a time, Python environments in parallel."""

import json
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from sandbox.engines.native.build import cache, venvs
from sandbox.engines.native.build.commands import Made, Runner, Say
from sandbox.engines.native.build.goprograms import GoBuild
from sandbox.engines.native.build.web import WebBuild

__all__ = ["run"]

# Two builds at once: while one links or waits, which needs at most one processor, the other compiles.
BUILDERS = 2
# GiB of a complete cold build, as measured. A partial build counts in proportion to its build time.
MODULES_GIB, OBJECTS_GIB, RESULTS_GIB = 5.5, 4.0, 1.5
SECONDS_OF_ALL = 800
# Even the smallest program compiles Go's standard library.
LEAST_GIB = 0.3
# An environment or a page.
OTHER_SECONDS = 30


def run(builds: Sequence[GoBuild], locks: Sequence[Path], console: Console, webs: Sequence[WebBuild] = ()) -> None:
    """Make these programs, environments and pages; print a line when a part begins or ends, and a table of all parts.

    Raises StackError at the first failure, after terminating the other builds.
    """
    if not builds and not locks and not webs:
        return
    _require_space(builds)
    _sweep()
    begun = time.monotonic()
    console.print(_announcement(builds, locks, webs), highlight=False, soft_wrap=True)
    made = _work(builds, locks, webs, Runner(cache.directory() / "logs"), console)
    seconds = time.monotonic() - begun
    rows = [asdict(one) for one in made]
    report = cache.directory() / "last-build.json"
    report.write_text(json.dumps({"seconds": seconds, "rows": rows}, indent=1), encoding="utf-8")
    console.print(_table(made, seconds))


def _work(
    builds: Sequence[GoBuild], locks: Sequence[Path], webs: Sequence[WebBuild], runner: Runner, console: Console
) -> list[Made]:
    # Longest first: a long build at the end would run alone.
    ordered = sorted(builds, key=lambda build: -build.program.seconds)
    with ExitStack() as stack:
        downloader, environments = (stack.enter_context(ThreadPoolExecutor(1)) for _ in range(2))
        builders = stack.enter_context(ThreadPoolExecutor(BUILDERS))
        results = [environments.submit(_told, console, _title(lock), _environment(lock, runner)) for lock in locks]
        # Queued after the environments, because one of them contains the Node.js that builds the pages.
        results += [environments.submit(_told, console, web.name, partial(web.make, runner)) for web in webs]
        fetches: list[Future[None]] = []
        for build in ordered:
            name = build.program.name
            fetched = downloader.submit(build.fetch, runner, _say(console, name))
            fetches.append(fetched)
            results.append(builders.submit(_told, console, name, _program(build, fetched, runner)))
        everything: list[Future[Any]] = [*results, *fetches]
        try:
            for future in wait(everything, return_when=FIRST_EXCEPTION).done:
                future.result()
        except BaseException:
            for future in everything:
                future.cancel()
            runner.stop()
            raise
    return [result.result() for result in results]


def _say(console: Console, name: str) -> Say:
    return lambda text: console.print(f"  {name}: {text}", highlight=False, soft_wrap=True)


def _told(console: Console, name: str, make: Callable[[Say], Made]) -> Made:
    made = make(_say(console, name))
    _say(console, name)(f"made in {made.seconds:.0f} s")
    return made


def _program(build: GoBuild, fetched: "Future[None]", runner: Runner) -> Callable[[Say], Made]:
    def make(say: Say) -> Made:
        fetched.result()
        return build.make(runner, say)

    return make


def _environment(lock: Path, runner: Runner) -> Callable[[Say], Made]:
    def make(say: Say) -> Made:
        begun = time.monotonic()
        say("installing")
        usage = venvs.create(lock, runner)
        return Made(_title(lock), time.monotonic() - begun, usage.cpu)

    return make


def _table(made: Sequence[Made], seconds: float) -> Table:
    table = Table("part", title=f"Built in {seconds:.0f} s", title_justify="left")
    for heading in ("seconds", "CPU seconds"):
        table.add_column(heading, justify="right")
    for one in made:
        table.add_row(one.name, f"{one.seconds:.0f}", f"{one.cpu:.0f}")
    return table


def _title(lock: Path) -> str:
    return f"python-{lock.stem if lock.stem != 'requirements' else lock.parent.name}"


def _announcement(builds: Sequence[GoBuild], locks: Sequence[Path], webs: Sequence[WebBuild]) -> str:
    seconds = sum(build.program.seconds for build in builds) + (len(locks) + len(webs)) * OTHER_SECONDS
    names = [build.program.name for build in builds] + [_title(lock) for lock in locks] + [web.name for web in webs]
    caches = f" Go's caches grow with it: {builds[0].go.build_cache}, {builds[0].go.module_cache}." if builds else ""
    return (
        f"Building once what the images hold: {', '.join(names)}. About {max(1, round(seconds / 60))} min on two "
        f"processors; kept in {cache.directory()} for every clone.{caches} Interrupt it whenever you like: what is "
        "finished stays."
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
