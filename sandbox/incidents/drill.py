"""The drill: a person diagnoses an unknown fault, with hints on request and a question about the cause at the end."""

import random
import time

from sandbox.incidents.faults import make
from sandbox.incidents.injection import inject, undone
from sandbox.incidents.keyboard import Keyboard
from sandbox.incidents.runner import Day, Report, begin
from sandbox.incidents.scenario import Scenario
from sandbox.model.stack import Stack

__all__ = ["play", "score"]

MINUTES = 20
# Time for the question about the cause, granted even if the person finished in the last second.
QUESTION_SECONDS = 120.0
WELCOME = """
You are on call. Customers are shopping; something is about to go wrong. Find out what, and put it right.

  mails (you will be paged)   {mailpit}
  alerts                      {prometheus}/alerts
  a runbook, with answers     make runbook ALERT=<the alert's name>       (in another terminal)
  what runs, logs             make status, make logs SERVICE=<name>

Here: `hint` for a hint (it costs points), `check` to see whether the objective holds, `done` when you know the cause
and have put it right, `quit` to give up. You have {minutes} minutes. Whatever you do, all is put back at the end.
"""


def play(stack: Stack, scenario: Scenario, report: Report, keyboard: Keyboard) -> Day:
    """Run a drill until `done`, `quit`, the end of the input or the time limit.

    It is passed if the objective holds and the cause was named. Whatever is missing is added to the record's problems.
    """
    day = Day.of(stack, scenario, "drill", report)
    fault = make(stack, **scenario.fault)
    with day.closed_on_error(), day.crowd.present():
        with undone(fault, stack, scenario.name):
            begin(day, quiet=True)
            addresses = {name: stack.url(name) for name in ("mailpit", "prometheus")}
            report(WELCOME.format(**addresses, minutes=MINUTES))
            day.record.expected["injecting"] = time.time()
            inject(fault)
            day.record.times["injected"] = time.time()
            hints, gave_up = _talk(day, keyboard)
            day.record.times["mitigated"] = time.time()
            recovered = not gave_up and day.watch.holds(day.healthy, timeout=scenario.recover_seconds)
            if recovered:
                day.record.times["recovered"] = time.time()
            found = not gave_up and _question(day, keyboard)
        day.record.ended = time.time()
    points, told = score(found, recovered, hints, day.record.ended - day.record.times["injected"])
    day.record.drill = {"score": points, "told": told, "found": found, "hints": hints}
    day.record.problems += _missing(gave_up, recovered, found)
    report(f"\nIt was: {scenario.cause}.\n{scenario.story.strip()}\nScore: {points} of 100 ({told}).")
    return day


def score(found: bool, recovered: bool, hints: int, seconds: float) -> tuple[int, str]:
    """Return the points of 100, with reasons.

    40 for the cause, 40 for the repair, 20 for a repair within five minutes (fewer up to fifteen); a hint costs 10.
    """
    quick = max(0.0, min(1.0, (15 * 60 - seconds) / (10 * 60))) if recovered else 0.0
    points = max(0, 40 * found + 40 * recovered + round(20 * quick) - 10 * hints)
    told = [
        "cause found" if found else "cause not found",
        "put right" if recovered else "not put right",
        f"{seconds / 60:.1f} minutes",
        f"{hints} hints",
    ]
    return points, ", ".join(told)


def _missing(gave_up: bool, recovered: bool, found: bool) -> list[str]:
    if gave_up:
        return ["it was given up, or the time was over"]
    told = {"the objective did not hold when it was said to be done": recovered, "the cause was not named": found}
    return [problem for problem, well in told.items() if not well]


def _talk(day: Day, keyboard: Keyboard) -> tuple[int, bool]:
    """Process commands until the person is done. Return the number of hints and whether the person gave up."""
    hints, end = 0, time.monotonic() + MINUTES * 60
    while (line := keyboard.line(end)) is not None:
        command = line.strip().lower()
        if command in ("done", "quit"):
            return hints, command == "quit"
        if command == "hint":
            given = day.scenario.hints
            day.report(given[hints] if hints < len(given) else "There are no more hints.")
            hints = min(hints + 1, len(given))
        elif command == "check":
            day.report("It holds." if day.watch.holds(day.healthy, timeout=5.0, steady=3.0) else "It does not hold.")
        elif command:
            day.report("Say hint, check, done or quit.")
    day.report("The time is over.")
    return hints, True


def _question(day: Day, keyboard: Keyboard) -> bool:
    choices = [day.scenario.cause, *day.scenario.wrong]
    random.Random(day.record.began).shuffle(choices)
    day.report("\nWhat was it?\n" + "\n".join(f"  {number}. {choice}" for number, choice in enumerate(choices, 1)))
    picked = (keyboard.line(time.monotonic() + QUESTION_SECONDS) or "").strip()
    return picked.isdigit() and 0 < int(picked) <= len(choices) and choices[int(picked) - 1] == day.scenario.cause
