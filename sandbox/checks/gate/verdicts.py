"""Derives the verdicts from the results: PASS, FAIL or NOT YET for each row, and one for the gate."""

from dataclasses import dataclass
from enum import Enum

from sandbox.checks.gate.results import Result
from sandbox.checks.gate.rows import Row

__all__ = ["Outcome", "Verdict", "conclusion", "judge"]


class Outcome(Enum):
    PASS = "PASS"
    FAIL = "FAIL"
    NOT_YET = "NOT YET"


@dataclass(frozen=True)
class Verdict:
    """One row's outcome, reason, evidence, and the total duration of its checks in seconds."""

    row: Row
    outcome: Outcome
    reasons: tuple[str, ...]
    evidence: tuple[str, ...]
    seconds: float


def judge(row: Row, results: list[Result]) -> Verdict:
    """Judge one row. It passes if nothing is missing and each of its checks ran and passed."""
    mine = [result for result in results if any(result.belongs_to(check) for check in row.checks)]
    unrun = [check for check in row.checks if not any(result.belongs_to(check) for result in mine)]
    reasons = [f"did not run: {check}" for check in unrun]
    reasons += [f"{result.nodeid}: {result.problem}" for result in mine if result.problem]
    outcome = Outcome.FAIL if reasons else Outcome.PASS
    if row.missing:
        reasons.append(f"waits for {row.missing}")
        outcome = Outcome.FAIL if len(reasons) > 1 else Outcome.NOT_YET
    seen = tuple(_evidence(result) for result in mine if result.evidence)
    return Verdict(row, outcome, tuple(reasons), seen, sum(result.seconds for result in mine))


def conclusion(verdicts: list[Verdict]) -> str:
    """Return the last line of the report."""
    counts = {outcome: sum(verdict.outcome is outcome for verdict in verdicts) for outcome in Outcome}
    if counts[Outcome.PASS] == len(verdicts):
        return "GATE 4 PASSED"
    failed, awaited = counts[Outcome.FAIL], counts[Outcome.NOT_YET]
    return f"GATE 4 NOT PASSED: {failed + awaited} rows are open, {failed} FAIL and {awaited} NOT YET"


def _evidence(result: Result) -> str:
    name = result.nodeid.rpartition("::")[2]
    return f"{name}: " + ", ".join(f"{key}={value}" for key, value in result.evidence)
