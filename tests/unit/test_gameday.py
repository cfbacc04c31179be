"""Scenarios are complete and of many kinds; a record becomes times, a score and a review."""

import re
from pathlib import Path

import pytest
import yaml

from gameday import drill, faults, objectives, review, runbook, scenario
from gameday.record import Record, earlier, write
from stack.errors import StackError
from tests.support.stack import Stack
from tests.unit.test_runbooks import alert_names

NAMES = scenario.names()
every_scenario = pytest.mark.parametrize("name", NAMES)


@pytest.fixture
def record() -> Record:
    """A small incident, as it is kept."""
    story = ("bad-release", "A bad release", "bad release", "It broke.", "native", "run")
    one = Record(*story, began=1_000.0, ended=1_070.0)
    one.times = {
        "first_bad": 1_010.0,
        "injected": 1_012.0,
        "firing": 1_025.0,
        "mail": 1_030.0,
        "acknowledged": 1_031.0,
        "mitigating": 1_032.0,
        "mitigated": 1_036.0,
        "recovered": 1_050.0,
    }
    one.expected = {
        "alert": "PaymentsErrorBudgetBurn",
        "may": [],
        "runbook": "PaymentsErrorBudgetBurn",
        "detect_seconds": 60,
        "recover_seconds": 60,
    }
    burn = {"name": "PaymentsErrorBudgetBurn", "service": "payments", "severity": "page", "firing": 1_025.0}
    disk = {"name": "DiskFilling", "service": "loki", "severity": "ticket", "firing": 1_040.0}
    one.alerts = [
        {**burn, "last": 1_050.0, "verdict": "expected"},
        {**disk, "last": 1_050.0, "verdict": "unexpected"},
    ]
    one.problems = ["DiskFilling (loki) fired and should not have"]
    one.customers = {"present": 4, "affected": 3, "requests": 200, "failed": 12, "slowest_seconds": 1.5}
    one.customers["failures"] = {"pay: 502": 12}
    one.budget = {"objective": "payments", "bad": 12.0, "total": 200.0, "spent": 0.034, "period_hours": 12.0}
    return one


@every_scenario
def test_scenario_names_an_alert_a_runbook_and_one_of_its_mitigations(name: str) -> None:
    one = scenario.read(name)

    assert {one.alert, *one.may} <= alert_names()
    assert runbook.read(one.runbook).mitigation(one.mitigation.strip())
    assert one.fault["kind"] in faults.KINDS
    assert faults.make(Stack(), **one.fault)
    if one.sli:
        assert objectives.read(one.sli).target > 0.9


@every_scenario
def test_scenario_can_be_drilled(name: str) -> None:
    one = scenario.read(name)

    assert len(one.hints) >= 3
    assert len(one.wrong) >= 3
    assert one.cause not in one.wrong


def test_every_scenario_is_in_the_table_that_tells_of_them() -> None:
    told = re.findall(r"^\| `([a-z-]+)` \|", (scenario.FOLDER.parent / "README.md").read_text(), re.MULTILINE)

    assert sorted(told) == NAMES


def test_detection_by_mail_alone_counts_from_the_mail(record: Record) -> None:
    del record.times["firing"]

    assert record.durations["detect"] == 20.0


def test_scenarios_are_of_at_least_ten_kinds() -> None:
    assert len({scenario.read(name).kind for name in NAMES}) >= 10


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"alert": None}, "alert is missing"),
        ({"extra": 1}, "unknown extra"),
        ({"recovered": "vector(1)"}, "either sli or recovered"),
    ],
)
def test_scenario_that_is_wrong_is_refused_with_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict, problem: str
) -> None:
    data = yaml.safe_load((scenario.FOLDER / "bad-release.yml").read_text()) | change
    (tmp_path / "mine.yml").write_text(yaml.safe_dump({key: value for key, value in data.items() if value is not None}))
    monkeypatch.setattr(scenario, "FOLDER", tmp_path)

    with pytest.raises(StackError, match=problem):
        scenario.read("mine")


def test_times_count_from_the_first_request_that_suffered(record: Record) -> None:
    assert record.durations == {"detect": 15.0, "acknowledge": 21.0, "mitigate": 26.0, "recover": 40.0}
    assert record.verified_after == 14.0


def test_fault_that_no_request_suffers_from_counts_from_its_beginning(record: Record) -> None:
    del record.times["first_bad"]

    assert record.durations["detect"] == 13.0


def test_review_states_facts_and_leaves_questions(record: Record) -> None:
    text = review.markdown(record, before=[])

    assert "**NOT PASSED**" in text
    assert "3 of 4; 12 of 200 requests (6.0%)" in text
    assert "3.4% of what is allowed in 12 hours" in text
    assert "| 00:17:05 | +15.0 s | alert firing | Prometheus: ALERTS |" in text
    assert "| `DiskFilling` | loki | ticket | +30.0 s | unexpected |" in text
    assert text.count(" …\n") == 7


def test_review_compares_with_earlier_runs_of_the_scenario(record: Record, tmp_path: Path) -> None:
    folder = write(tmp_path, record)
    times = {name: at + 1_000 for name, at in record.times.items()}
    later = Record(**{**vars(record), "began": 2_000.0, "times": times})
    write(tmp_path, later)

    page = review.write(tmp_path, later)

    assert [one.began for one in earlier(tmp_path, later)] == [1_000.0]
    assert "15.0 s (1 runs)" in (page.parent / "review.md").read_text()
    assert "<h2>Compared with earlier runs</h2>" in page.read_text()
    assert (page.parent / "timeline.png").stat().st_size > 10_000
    assert page.parent != folder


@pytest.mark.parametrize(
    ("found", "recovered", "hints", "minutes", "points"),
    [
        (True, True, 0, 4, 100),
        (True, True, 2, 10, 70),
        (False, True, 0, 20, 40),
        (True, False, 3, 4, 10),
        (False, False, 3, 4, 0),
    ],
)
def test_drill_scores_cause_repair_speed_and_hints(
    found: bool, recovered: bool, hints: int, minutes: float, points: int
) -> None:
    assert drill.score(found, recovered, hints, minutes * 60)[0] == points
