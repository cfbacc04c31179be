"""The report at the end of a run: parts with their durations, the slowest tests, the failures.

The failures are in the last ten lines.
"""

from collections.abc import Iterator

from tests.ci.results import Case, Outcome, Tally

__all__ = ["lines"]

SLOWEST = 20
# With the line of the bundle and the last one, ten lines in all.
FAILURES = 8
WIDTH = 600


def lines(outcomes: list[Outcome], cases: list[Case], tally: Tally, seconds: float, bundle: str) -> Iterator[str]:
    """Return the report of a run that took `seconds`; `bundle` is the folder with the data of a failure.

    `outcomes` are in the order of their end. The durations of parallel steps add up to more than the total.
    """
    yield "\nParts of the run"
    for outcome in outcomes:
        word = "FAILED" if outcome.failure else "skipped" if outcome.skipped else "ok"
        yield f"  {word:8} {outcome.seconds:6.0f} s  {outcome.name}"
        if outcome.skipped:
            yield f"           {outcome.skipped.splitlines()[0]}"
    yield f"  {'':8} {seconds:6.0f} s  the whole run"
    yield f"\nThe slowest {SLOWEST} of {len(cases)} tests"
    yield from (f"  {case.seconds:6.1f} s  {case.part}: {case.name}" for case in cases[:SLOWEST])
    yield ""
    if tally.failed:
        yield from _failures(outcomes, cases)
        yield f"Logs, the contents of the stores and the versions: {bundle}"
    yield str(tally)


def _failures(outcomes: list[Outcome], cases: list[Case]) -> Iterator[str]:
    """Return one line per failure: the test with expectation and result, or the step with its last output."""
    found = [f"FAILED {case.part}: {case.name}: {case.failure}" for case in cases if case.failure]
    for outcome in outcomes:
        if outcome.failure and not outcome.reported:
            first, *rest = outcome.failure.splitlines()
            found.append(f"FAILED {outcome.name}: {' '.join([first, *rest[-3:]])}")
    more = len(found) - FAILURES
    yield from (line if len(line) <= WIDTH else f"{line[:WIDTH]} ..." for line in found[: FAILURES - (more > 0)])
    if more > 0:
        yield f"and {more + 1} more"
