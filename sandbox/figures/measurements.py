"""`make figures`: measures, stores the results in docs/figures.json and generates docs/figures.md from it."""

import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from sandbox.figures import measure
from sandbox.figures.alerting import alerting, healthy
from sandbox.figures.collector import collector_cost
from sandbox.figures.gameday import gameday
from sandbox.figures.own_service import own_service
from sandbox.figures.page import page
from sandbox.model import ROOT
from sandbox.model.errors import StackError

__all__ = ["measured"]

DATA = ROOT / "docs" / "figures.json"
PAGE = ROOT / "docs" / "figures.md"
WARM_STARTS = 5
PROFILE_STARTS = 3
AWAY_SECONDS = 600.0
COST_ROUNDS = 5
# Ten runs in total for two faults, and one for each other.
DRILLS_EACH = 5
# A quarter of an hour in which nothing may page.
HEALTHY_SECONDS = 900.0
SATURATED = "60s"
# How often every scenario is run, and whether an interrupted measurement is resumed.
GAMEDAY_ROUNDS = int(os.environ.get("GAMEDAY_ROUNDS", "1"))
GAMEDAY_RESUME = os.environ.get("GAMEDAY_RESUME") == "1"

Measured = dict[str, object]


def measured(cold: bool, only: list[str], render: bool) -> None:
    """Measure the sections, store each as soon as it is measured, and write the page. Raises StackError."""
    measurements = {} if render else _measurements(cold, only)
    if measurements:
        measure.stack(ROOT, "up")
    for name, measure_it in measurements.items():
        for found in _results(measure_it()):
            _keep(name, found)
        print(f"{name}: done", flush=True)
    text = page(_kept())
    PAGE.write_text(text)
    print(text)


def _results(measured: Measured | Iterator[Measured]) -> Iterator[Measured]:
    """Yield the result of a measurement; for one that takes hours, all intermediate results."""
    return iter([measured]) if isinstance(measured, dict) else measured


def _kept() -> dict[str, Measured]:
    return json.loads(DATA.read_text()) if DATA.exists() else {}


def _keep(name: str, measured: Measured) -> None:
    """Store one section next to the others."""
    section = {"measured": datetime.now(UTC).date().isoformat(), "on": measure.machine(), **measured}
    DATA.write_text(json.dumps({**_kept(), name: section}, indent=1, sort_keys=True) + "\n")


def _measurements(cold: bool, only: list[str]) -> dict[str, Callable[[], Measured | Iterator[Measured]]]:
    """Return the sections to measure, in order. Raises StackError for an unknown one."""
    every: dict[str, Callable[[], Measured | Iterator[Measured]]] = {
        "cold_build": lambda: measure.cold_build(ROOT),
        "profiles": lambda: measure.profiles(ROOT, PROFILE_STARTS),
        "warm_start": lambda: measure.warm_start(ROOT, WARM_STARTS),
        "idle_memory": lambda: measure.idle_memory(ROOT),
        "queryable": lambda: measure.queryable(ROOT),
        "own_service": lambda: own_service(ROOT),
        "browser": lambda: measure.browser(ROOT),
        "telemetry_cost": lambda: measure.telemetry_cost(ROOT),
        "collector_cost": lambda: collector_cost(ROOT, COST_ROUNDS),
        "saturation": lambda: measure.saturation(ROOT, SATURATED),
        "losses": lambda: measure.losses(ROOT, AWAY_SECONDS),
        "release": lambda: measure.release(ROOT),
        "gameday": lambda: gameday(ROOT, GAMEDAY_ROUNDS, _kept().get("gameday") if GAMEDAY_RESUME else None),
        "alerting": lambda: alerting(ROOT, DRILLS_EACH),
        "healthy": lambda: healthy(ROOT, HEALTHY_SECONDS),
    }
    if unknown := set(only) - set(every):
        raise StackError(f"There is no section {', '.join(sorted(unknown))}.", f"Choose from: {', '.join(every)}.")
    wanted = only or [name for name in every if cold or name != "cold_build"]
    return {name: every[name] for name in every if name in wanted}
