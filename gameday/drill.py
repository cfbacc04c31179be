"""The drill: a person at the keyboard finds out what is broken, with hints on demand and a question at the end."""

import random
import time
from typing import TextIO

from gameday.faults import in_force, make
from gameday.runner import Day, Report, begin
from gameday.scenario import Scenario
from tests.support.stack import Stack

__all__ = ["play", "score"]

MINUTES = 20
WELCOME = """
You are on call. Customers are shopping; something is about to go wrong. Find out what, and put it right.

  mails (you will be paged)   {mailpit}
  alerts                      {prometheus}/alerts
  a runbook, with answers     make runbook ALERT=<the alert's name>       (in another terminal)
  what runs, logs             make status, make logs SERVICE=<name>

Here: `hint` for a hint (it costs points), `check` to see whether the objective holds, `done` when you know the cause
and have put it right, `quit` to give up. Whatever you do, everything is put back at the end.
"""


def play(stack: Stack, scenario: Scenario, report: Report, answers: TextIO) -> Day:
    """Play until `done`, `quit`, the end of the input or the end of the time."""
    day = Day.of(stack, scenario, "drill", report)
    with day.closed_on_error(), day.crowd.present():
        begin(day, quiet=True)
        report(WELCOME.format(mailpit=stack.url("mailpit"), prometheus=stack.url("prometheus")))
        day.record.expected["injecting"] = time.time()
        with in_force(make(stack, **scenario.fault), stack, scenario.name):
            day.record.times["injected"] = time.time()
            hints, gave_up = _talk(day, answers)
            day.record.times["mitigated"] = time.time()
            recovered = not gave_up and day.watch.holds(day.healthy, timeout=30.0)
            if recovered:
                day.record.times["recovered"] = time.time()
            found = not gave_up and _question(day, answers)
        day.record.ended = time.time()
    points, told = score(found, recovered, hints, day.record.ended - day.record.times["injected"])
    day.record.drill = {"score": points, "told": told, "found": found, "hints": hints}
    report(f"\nIt was: {scenario.cause}.\n{scenario.story.strip()}\nScore: {points} of 100 ({told}).")
    return day


def score(found: bool, recovered: bool, hints: int, seconds: float) -> tuple[int, str]:
    """Points of 100, and why: 40 for the cause, 40 for putting it right, 20 for doing so within five minutes; a hint
    costs 10."""
    quick = max(0.0, min(1.0, (15 * 60 - seconds) / (10 * 60))) if recovered else 0.0
    points = max(0, 40 * found + 40 * recovered + round(20 * quick) - 10 * hints)
    told = [
        "cause found" if found else "cause not found",
        "put right" if recovered else "not put right",
        f"{seconds / 60:.1f} minutes",
        f"{hints} hints",
    ]
    return points, ", ".join(told)


def _talk(day: Day, answers: TextIO) -> tuple[int, bool]:
    """Answer commands until the person is done; how many hints were taken, and whether they gave up."""
    hints, end = 0, time.monotonic() + MINUTES * 60
    for line in answers:
        command = line.strip().lower()
        if command == "done":
            return hints, False
        if command == "quit" or time.monotonic() > end:
            return hints, True
        if command == "hint":
            given = day.scenario.hints
            day.report(given[hints] if hints < len(given) else "There are no more hints.")
            hints = min(hints + 1, len(given))
        elif command == "check":
            day.report("It holds." if day.watch.holds(day.healthy, timeout=5.0) else "It does not hold.")
        elif command:
            day.report("Say hint, check, done or quit.")
    return hints, True


def _question(day: Day, answers: TextIO) -> bool:
    choices = [day.scenario.cause, *day.scenario.wrong]
    random.Random(day.record.began).shuffle(choices)
    day.report("\nWhat was it?\n" + "\n".join(f"  {number}. {choice}" for number, choice in enumerate(choices, 1)))
    picked = answers.readline().strip()
    return picked.isdigit() and 0 < int(picked) <= len(choices) and choices[int(picked) - 1] == day.scenario.cause
