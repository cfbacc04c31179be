"""Scenarios are complete and of many kinds; a record becomes times, a score and a review."""

import os
import re
import time
from pathlib import Path

import pytest
import yaml

from sandbox.incidents import faults, incident, objectives, review, runbook, scenario, session
from sandbox.incidents.record import Record, earlier, write
from sandbox.model.documents import parse_yaml
from sandbox.model.errors import StackError
from sandbox.model.stack import Stack
from tests.support.checklist import nothing_is_wrong_with
from tests.unit.test_runbooks import alert_names

NAMES = scenario.names()
every_scenario = nothing_is_wrong_with(NAMES)


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
def test_scenario_names_an_alert_and_what_its_runbook_shows_and_does(name: str) -> dict[str, object]:
    one = scenario.read(name)
    page = runbook.read(one.runbook)
    return {
        "there is no alert": {one.alert, *one.may} - alert_names(),
        "does nothing": not page.block("Mitigation", one.mitigation.strip()),
        "shows nothing": not page.block("Diagnosis", one.shows.strip()),
        "may fire for no reason": [alert for alert, reason in one.may.items() if len(reason) <= 10],
        "its alert does not lead to it": one.runbook != one.alert
        and f"`{one.runbook}`" not in runbook.read(one.alert).text,
        "there is no fault": {one.fault["kind"]} - set(faults.KINDS),
        "makes no fault": not faults.make(Stack(), **one.fault),
        "has an easy objective": one.sli and not objectives.read(one.sli).target > 0.9 and one.sli,
    }


@every_scenario
def test_scenario_can_be_drilled(name: str) -> dict[str, object]:
    one = scenario.read(name)
    return {
        "fewer than three hints": len(one.hints) < 3,
        "fewer than three wrong causes": len(one.wrong) < 3,
        "its cause is among the wrong ones": one.cause in one.wrong,
    }


def test_faults_of_a_scenario_with_several_are_taken_out_in_the_opposite_order(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def kind(_stack: Stack, name: str) -> faults.Fault:
        return faults.Fault(lambda: done.append(f"in {name}"), lambda: done.append(f"out {name}"))

    monkeypatch.setitem(faults.KINDS, "told", kind)
    several = faults.make(Stack(), kind="several", faults=[{"kind": "told", "name": name} for name in ("a", "b")])

    several.inject()
    several.remove()

    assert done == ["in a", "in b", "out b", "out a"]


def test_variables_for_one_command_are_as_before_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACQUIRER_URL", "http://mine")
    monkeypatch.delenv("COMPOSE_PROFILES", raising=False)
    before = dict(os.environ)

    with faults.environment(faults.BEHIND_TOXIPROXY):
        meanwhile = {name: os.environ[name] for name in faults.BEHIND_TOXIPROXY}

    assert meanwhile == faults.BEHIND_TOXIPROXY
    assert dict(os.environ) == before


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
        ({"sli": None}, "say sli or recovered"),
    ],
)
def test_scenario_that_is_wrong_is_refused_with_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict, problem: str
) -> None:
    data = parse_yaml((scenario.FOLDER / "bad-release.yml").read_text()) | change
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


def test_review_compares_with_earlier_runs_of_the_scenario_but_with_no_drill(record: Record, tmp_path: Path) -> None:
    folder = write(tmp_path, record)
    times = {name: at + 1_000 for name, at in record.times.items()}
    later = Record(**{**vars(record), "began": 2_000.0, "times": times})
    write(tmp_path, later)
    drilled = Record(**{**vars(record), "began": 1_500.0, "mode": "drill"})
    write(tmp_path, drilled)

    page = review.write(tmp_path, later)

    assert [one.began for one in earlier(tmp_path, later)] == [1_000.0]
    assert "15.0 s (1 runs)" in (page.parent / "review.md").read_text()
    assert "<h2>Compared with earlier runs</h2>" in page.read_text()
    assert (page.parent / "timeline.png").stat().st_size > 10_000
    assert page.parent != folder


def test_reviews_are_written_again_from_their_records(record: Record, tmp_path: Path) -> None:
    page = write(tmp_path, record) / "review.html"

    assert session.review_again(tmp_path) == [page]
    assert "<h1>A bad release</h1>" in page.read_text()


def test_review_of_a_real_incident_judges_nobody(record: Record) -> None:
    real = Record(**{**vars(record), "mode": "incident", "mitigation": {}, "problems": []})

    text = review.markdown(real, before=[])

    assert "PASSED" not in text
    assert "First: `PaymentsErrorBudgetBurn`." in text
    assert "## The runbook: `runbooks/PaymentsErrorBudgetBurn.md`" in text


def test_moments_of_an_incident_are_read_as_people_write_them() -> None:
    now = time.time()

    assert incident.moment("2026-11-24T21:56") == incident.moment("2026-11-24T22:56+01:00") == 1795557360.0
    assert now - 24 * 3600 < incident.moment("21:56") <= now
    with pytest.raises(StackError, match="'noon' is no time"):
        incident.moment("noon")
