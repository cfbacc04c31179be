"""Reads the results of the checks from pytest's JUnit XML."""

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Result", "read_results"]

EVIDENCE = "evidence."


@dataclass(frozen=True)
class Result:
    """One test. ``problem`` is empty if it passed; ``seconds`` includes its fixtures."""

    nodeid: str
    seconds: float
    problem: str
    evidence: tuple[tuple[str, str], ...]

    def belongs_to(self, check: str) -> bool:
        """Whether a check names this test, or the test of which this is one parameter."""
        return self.nodeid == check or self.nodeid.startswith(f"{check}[")


def read_results(report: Path) -> list[Result]:
    """Return the results in the order of the report. tests/conftest.py adds each test's node id to it."""
    return [_result(case) for case in ElementTree.parse(report).iter("testcase")]


def _result(case: ElementTree.Element) -> Result:
    properties = [(one.get("name", ""), one.get("value", "")) for one in case.iter("property")]
    nodeid = dict(properties).get("nodeid") or f"{case.get('classname')}::{case.get('name')}"
    evidence = tuple((name.removeprefix(EVIDENCE), value) for name, value in properties if name.startswith(EVIDENCE))
    return Result(nodeid, float(case.get("time", 0)), _problem(case), evidence)


def _problem(case: ElementTree.Element) -> str:
    for outcome in ("failure", "error", "skipped"):
        if (found := case.find(outcome)) is not None:
            lines = (found.get("message") or found.text or "no message").strip().splitlines()
            # A skipped check proves nothing.
            return f"{outcome}: {lines[0]}" if lines else outcome
    return ""
