"""JUnit reports: counts them, reads their cases, and writes one for the steps of the run."""

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Case", "Outcome", "Tally", "read_cases", "read_reports", "write_report"]


@dataclass(frozen=True)
class Tally:
    """Numbers of tests by result."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed" + (f", {self.skipped} skipped" if self.skipped else "")


@dataclass(frozen=True)
class Outcome:
    """One step of the run: `failure` or `skipped` is the reason if it did not succeed; `seconds` is its duration.

    `reported` means that another report contains the failure's cases, so that it is not counted twice.
    """

    name: str
    seconds: float
    failure: str = ""
    skipped: str = ""
    reported: bool = False


@dataclass(frozen=True)
class Case:
    """One test.

    It has its node id if the report contains it, the folder of its report, its seconds, and the reason of its failure.
    """

    name: str
    part: str
    seconds: float
    failure: str = ""


def read_cases(folder: Path) -> list[Case]:
    """Return the cases of every readable JUnit report below `folder`, the slowest first."""
    cases = []
    for report in sorted(folder.rglob("*.xml")):
        part = report.parent.name if report.parent != folder else report.stem
        try:
            found = ElementTree.parse(report).getroot().iter("testcase")
        except ElementTree.ParseError:
            cases.append(Case(report.name, part, 0.0, "the report is cut short: its run was ended or crashed"))
            continue
        cases += [_case(element, part) for element in found]
    return sorted(cases, key=lambda case: case.seconds, reverse=True)


def read_reports(folder: Path) -> Tally:
    """Return the sum of every JUnit report below `folder`. An unreadable report counts as one failure."""
    total = Tally()
    for report in sorted(folder.rglob("*.xml")):
        try:
            suites = ElementTree.parse(report).getroot().iter("testsuite")
            total = sum((_tally(suite) for suite in suites), total)
        except ElementTree.ParseError:
            total += Tally(failed=1)
    return total


def write_report(outcomes: list[Outcome], path: Path) -> None:
    """Write the steps as one JUnit suite named `ci`, except failures that another report contains."""
    outcomes = [outcome for outcome in outcomes if not outcome.reported]
    failed = sum(bool(outcome.failure) for outcome in outcomes)
    skipped = sum(bool(outcome.skipped) for outcome in outcomes)
    suite = ElementTree.Element(
        "testsuite", name="ci", tests=str(len(outcomes)), failures=str(failed), errors="0", skipped=str(skipped)
    )
    for outcome in outcomes:
        case = ElementTree.SubElement(
            suite, "testcase", classname="ci", name=outcome.name, time=f"{outcome.seconds:.1f}"
        )
        for kind, reason in (("failure", outcome.failure), ("skipped", outcome.skipped)):
            if reason:
                ElementTree.SubElement(case, kind, message=reason.splitlines()[0]).text = reason
    path.parent.mkdir(parents=True, exist_ok=True)
    ElementTree.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)


def _case(element: ElementTree.Element, part: str) -> Case:
    given = {one.get("name"): one.get("value") for one in element.iter("property")}
    name = given.get("nodeid") or f"{element.get('classname')}::{element.get('name')}"
    wrong = [one for kind in ("failure", "error") for one in element.iter(kind)]
    failure = re.sub(r"\s+", " ", wrong[0].get("message") or wrong[0].text or "it failed") if wrong else ""
    return Case(name, part, float(element.get("time", "0")), failure.strip())


def _tally(suite: ElementTree.Element) -> Tally:
    tests, failures, errors, skipped = (int(suite.get(key, "0")) for key in ("tests", "failures", "errors", "skipped"))
    failed = failures + errors
    return Tally(tests - failed - skipped, failed, skipped)
