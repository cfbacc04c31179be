"""Measures game days: runs every scenario for a number of rounds."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from sandbox.figures import measure
from sandbox.incidents import scenario, session
from sandbox.model.stack import Stack

__all__ = ["gameday", "section"]

Run = dict[str, Any]
STAGES = ("detect", "acknowledge", "mitigate", "recover", "verified")


def gameday(root: Path, rounds: int, resumed: Mapping[str, Any] | None = None) -> Iterator[dict[str, object]]:
    """Run every scenario once per round; yield all results so far after each run. The stack is started before each.

    `resumed` are the results of an interrupted measurement: its runs are not repeated.
    """
    runs: list[Run] = list((resumed or {}).get("runs", ()))
    done = {(one["round"], one["scenario"]) for one in runs}
    planned = [(number, name) for number in range(1, rounds + 1) for name in scenario.names()]
    for number, name in planned:
        if (number, name) in done:
            continue
        load = round(os.getloadavg()[0], 1)
        runs.append({"round": number, "scenario": name, "load": load, **_played(root, name)})
        yield {"rounds": rounds, "scenarios": scenario.names(), "runs": runs}


def _played(root: Path, name: str) -> Run:
    kind = scenario.read(name).kind
    try:
        measure.stack(root, "up")
        one = session.play_one(Stack(root), name, lambda line: print(line, flush=True))
    except Exception as error:
        # Any error is the result of this run; the others are still measured.
        problem = f"could not be played: {type(error).__name__}: {error}"
        return {"kind": kind, "told_by": "", "passed": False, "problems": [problem]}
    return {
        **one.durations,
        "kind": kind,
        "verified": one.verified_after,
        "told_by": next((told for stage, told in (("firing", "alert"), ("mail", "mail")) if stage in one.times), ""),
        "passed": one.passed,
        "problems": one.problems,
        "false": [alert["name"] for alert in one.alerts if alert["verdict"] == "unexpected"],
        "lost": one.telemetry.get("traces_lost", 0) + one.telemetry.get("lines_lost", 0),
        "requests": one.telemetry.get("requests", 0),
        "scrapes_missed": one.telemetry.get("scrapes_missed", 0),
        "error_events_lost": one.telemetry.get("error_events_lost", 0),
    }


def section(figure: Mapping[str, Any]) -> str:
    """Return the section of docs/figures.md: totals over all planned runs, a table, and all failures."""
    runs, names = figure["runs"], figure["scenarios"]
    planned = len(names) * figure["rounds"]
    return (
        "## Game days\n\n"
        f"Every scenario, unattended, {_times(figure['rounds'])}: {len(runs)} of {planned} runs were made. "
        "Times are seconds from the first affected request or from the fault, whichever was earlier: medians, "
        "with the worst in parentheses. "
        "*After mitigation* is the time from the end of the mitigation until the objective held again.\n\n"
        + "\n".join(_totals(runs, planned))
        + "\n\n| scenario | kind | passed | detect | acknowledge | mitigate | recover | after mitigation | false |\n"
        "|---|---|---|---|---|---|---|---|---|\n"
        + "".join(_row(name, [one for one in runs if one["scenario"] == name]) for name in names)
        + _troubles(runs)
    )


def _times(rounds: int) -> str:
    return "once" if rounds == 1 else f"{rounds} times"


def _totals(runs: list[Run], planned: int) -> Iterator[str]:
    told = [one for one in runs if one["told_by"]]
    by_mail = sum(one["told_by"] == "mail" for one in told)
    false = [f"{alert} in {one['scenario']}" for one in runs for alert in one.get("false", ())]
    lost, requests, scrapes, events = (
        sum(one.get(what, 0) for one in runs) for what in ("lost", "requests", "scrapes_missed", "error_events_lost")
    )
    yield f"- Passed: **{sum(one['passed'] for one in runs)} of {planned}** runs."
    yield (
        f"- Detected by an alert: **{len(told) - by_mail} of {planned}**, and {by_mail} by the mail of the dead man's "
        f"switch; {_spread(told, 'detect')} s (target: median 20, worst 60)."
    )
    yield f"- Objective met again after the mitigation: {_spread(runs, 'verified')} s (target: worst 60)."
    yield f"- Alerts that should not have fired: **{len(false)}** (target: 0){': ' if false else ''}{', '.join(false)}."
    yield (
        f"- Traces and access lines lost, of {requests} requests: **{lost}** (target: 0). Scrapes missed: {scrapes}; "
        f"error events that did not reach the tracker: {events}."
    )
    if loads := [one["load"] for one in runs]:
        yield f"- The machine's load before a run: median {median(loads):.1f}, at most {max(loads):.1f}."


def _row(name: str, runs: list[Run]) -> str:
    kind = runs[0]["kind"] if runs else ""
    passed = f"{sum(one['passed'] for one in runs)} of {len(runs)}" if runs else "not played"
    false = sum(len(one.get("false", ())) for one in runs)
    return f"| {name} | {kind} | {passed} | " + " | ".join(_spread(runs, stage) for stage in STAGES) + f" | {false} |\n"


def _troubles(runs: list[Run]) -> str:
    lines = [f"- {one['scenario']}, round {one['round']}: {'; '.join(one['problems'])}\n" for one in runs]
    failed = [line for line, one in zip(lines, runs, strict=True) if not one["passed"]]
    return "\nFailed runs:\n\n" + "".join(failed) if failed else ""


def _spread(runs: list[Run], stage: str) -> str:
    """Return median and maximum of a stage over the runs that reached it."""
    known = [one[stage] for one in runs if one.get(stage) is not None]
    if len(known) < 2:
        return f"{known[0]:.1f}" if known else "-"
    return f"{median(known):.1f} ({max(known):.1f})"
