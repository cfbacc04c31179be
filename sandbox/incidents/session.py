"""Runs several game days or a drill, and summarises all runs."""

import random
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median

import httpx

from sandbox.incidents import injection, record, review, runner, scenario
from sandbox.incidents.collect import collect
from sandbox.incidents.keyboard import Keyboard
from sandbox.incidents.record import Record
from sandbox.incidents.runner import Report
from sandbox.model.errors import StackError
from sandbox.model.stack import Stack

__all__ = ["drill", "incident", "play", "play_one", "review_again", "summarise"]

# How far the dashboard's picture extends before the fault.
BEFORE_SECONDS = 60.0


def play_one(stack: Stack, name: str, report: Report) -> Record:
    """Run one scenario and write its review. Raises StackError if it cannot start."""
    injection.undo_forgotten(stack)
    day = runner.run(stack, scenario.read(name), report)
    with day.resources:
        collect(day)
    record.write(stack.root, day.record)
    _picture(stack, day.record)
    page = review.write(stack.root, day.record)
    verdict = "passed" if day.record.passed else "NOT PASSED: " + "; ".join(day.record.problems)
    times = ", ".join(f"{stage} {value:.1f} s" for stage, value in day.record.durations.items() if value is not None)
    report(f"{name}: {verdict}\n  {times}\n  review: {page.relative_to(stack.root)}")
    return day.record


def play(stack: Stack, names: list[str], report: Report) -> int:
    """Run scenarios in order. Return 1 unless all passed."""
    for name in names:
        scenario.read(name)
    passed = []
    for name in names:
        try:
            passed.append(play_one(stack, name, report).passed)
        except StackError as error:
            passed.append(False)
            report(f"{name}: NOT PLAYED: {error.problem} {error.next_step}")
    if len(names) > 1:
        report(f"{sum(passed)} of {len(passed)} scenarios passed. Summary: {summarise(stack.root)}")
    return 0 if all(passed) else 1


def drill(stack: Stack, seed: int, report: Report, keyboard: Keyboard) -> int:
    """Run a hidden scenario as a drill. Return 0 if the cause was found and repaired."""
    from sandbox.incidents import drill as one

    chosen = random.Random(seed or None).choice(scenario.names())
    injection.undo_forgotten(stack)
    day = one.play(stack, scenario.read(chosen), report, keyboard)
    with day.resources:
        collect(day)
    record.write(stack.root, day.record)
    _picture(stack, day.record)
    report(f"Review: {review.write(stack.root, day.record).relative_to(stack.root)}")
    return 0 if day.record.drill["found"] and "recovered" in day.record.times else 1


def incident(stack: Stack, start: float, end: float, report: Report) -> Path:
    """Write the review of a real incident; return its path. Raises StackError if no alert fired."""
    from sandbox.incidents.incident import reconstruct

    with (day := reconstruct(stack, start, end, report)).resources:
        record.write(stack.root, day.record)
        _picture(stack, day.record)
    return review.write(stack.root, day.record)


def review_again(root: Path) -> list[Path]:
    """Regenerate every review from its record; return their paths."""
    return [review.write(root, one) for one in record.earlier(root)]


def _picture(stack: Stack, played: Record) -> None:
    """Draw the incident dashboard for the time of the run. The review does not depend on it."""
    from sandbox.dashboards.snapshot import render

    with suppress(httpx.HTTPError, OSError):
        path = record.folder_of(stack.root, played) / review.DASHBOARD
        render("incident", played.began - BEFORE_SECONDS, played.ended, path, stack=stack)


def summarise(root: Path) -> Path:
    """Write summary.md and summary.png of the runs of this checkout; return the path of the page."""
    from sandbox.incidents import plots

    runs: dict[str, list[Record]] = {}
    for one in record.earlier(root):
        if one.mode == "run":
            runs.setdefault(one.scenario, []).append(one)
    folder = root / ".run" / "gameday"
    folder.mkdir(parents=True, exist_ok=True)
    plots.draw_distribution(runs, folder / "summary.png")
    lines = ["# Game days", "", "![Times by scenario](summary.png)", "", *_totals([rows[-1] for rows in runs.values()])]
    lines += [
        "",
        "| scenario | kind | runs | detect | acknowledge | mitigate | recover | after the mitigation | last |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, rows in sorted(runs.items()):
        times = [
            _middle([one.durations[stage] for one in rows])
            for stage in ("detect", "acknowledge", "mitigate", "recover")
        ]
        verified = _middle([one.verified_after for one in rows])
        last = "passed" if rows[-1].passed else "; ".join(rows[-1].problems)
        lines.append(f"| {name} | {rows[-1].kind} | {len(rows)} | {' | '.join(times)} | {verified} | {last} |")
    page = folder / "summary.md"
    page.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return page.relative_to(root)


def _totals(latest: list[Record]) -> list[str]:
    """Return the totals of the summary, from the newest run of each scenario."""
    detect = [took for one in latest if (took := one.durations["detect"]) is not None]
    verified = [one.verified_after for one in latest if one.verified_after is not None]
    false = sum(alert["verdict"] == "unexpected" for one in latest for alert in one.alerts)
    lost = sum(one.telemetry.get("traces_lost", 0) + one.telemetry.get("lines_lost", 0) for one in latest)
    return [
        f"- Scenarios: {len(latest)}; passed: {sum(one.passed for one in latest)}; by an alert: {len(detect)}.",
        f"- Time to detect: median {_middle(detect)}, worst {max(detect, default=0):.1f} s.",
        f"- From the mitigation to the objective: median {_middle(verified)}, worst {max(verified, default=0):.1f} s.",
        f"- Alerts that should not have fired: {false}. Traces and lines lost: {lost}.",
    ]


def _middle(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{median(known):.1f} s" if known else "-"
