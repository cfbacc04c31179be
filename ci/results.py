"""JUnit reports: counting them, and writing one for the steps of the run themselves."""

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Outcome", "Tally", "read_reports", "write_report"]


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
    """One step of the run: `failure` or `skipped` say why it is not a success; `seconds` is its duration.

    `reported` says that another report holds the failure's cases already, so that it is not counted once more.
    """

    name: str
    seconds: float
    failure: str = ""
    skipped: str = ""
    reported: bool = False


def read_reports(folder: Path) -> Tally:
    """The sum of every JUnit report below `folder`. An unreadable report counts as one failure."""
    total = Tally()
    for report in sorted(folder.rglob("*.xml")):
        try:
            suites = ElementTree.parse(report).getroot().iter("testsuite")
            total = sum((_tally(suite) for suite in suites), total)
        except ElementTree.ParseError:
            total += Tally(failed=1)
    return total


def write_report(outcomes: list[Outcome], path: Path) -> None:
    """Writes the steps that no other report tells of as one JUnit suite named `ci`."""
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


def _tally(suite: ElementTree.Element) -> Tally:
    tests, failures, errors, skipped = (int(suite.get(key, "0")) for key in ("tests", "failures", "errors", "skipped"))
    failed = failures + errors
    return Tally(tests - failed - skipped, failed, skipped)
