"""A run begins only where it can be judged, and its runbook must show the fault that is there."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from sandbox.incidents import objectives, runbook, runner, scenario, watch
from sandbox.incidents.ask import Answer, Asker
from sandbox.incidents.losses import scrapes_missed, untold
from sandbox.incidents.record import Record
from sandbox.incidents.watch import Watch
from sandbox.model import ROOT
from sandbox.model.documents import parse_yaml
from sandbox.model.errors import StackError
from sandbox.model.stack import Stack
from sandbox_testing import direct

PLAYED = scenario.read("acquirer-outage")
PAGE = runbook.read(PLAYED.runbook)


def day(**parts: Any) -> SimpleNamespace:
    record = Record(PLAYED.name, PLAYED.title, PLAYED.kind, PLAYED.story, "native", "run", time.time())
    return SimpleNamespace(scenario=PLAYED, record=record, **parts)


def asker(nothing_for: str) -> SimpleNamespace:
    """Answers every question with a row, but one."""
    return SimpleNamespace(ask=lambda block: Answer(() if block.text == nothing_for else ("a row",)))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "SHOWS_SECONDS", 0.01)


def test_question_that_does_not_show_the_fault_fails_the_run() -> None:
    blind = day(asker=asker(PLAYED.shows))

    runner._diagnose(blind, PAGE)

    assert blind.record.problems == [f"the diagnosis `{PLAYED.shows}` does not show the fault"]
    assert len(blind.record.diagnosis) == len(PAGE.blocks("Diagnosis"))


def test_questions_about_other_causes_may_be_answered_with_nothing() -> None:
    other = PAGE.blocks("Diagnosis")[0].text
    seeing = day(asker=asker(other))

    runner._diagnose(seeing, PAGE)

    assert other != PLAYED.shows
    assert seeing.record.problems == []


def test_question_is_asked_again_until_it_shows_the_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "SHOWS_SECONDS", 30.0)
    rows = iter([(), (), ("circuit_open 1",)])
    late = day(asker=SimpleNamespace(ask=lambda block: Answer(next(rows) if block.text == PLAYED.shows else ())))

    runner._diagnose(late, PAGE)

    assert late.record.problems == []


def test_run_on_a_stack_that_is_down_says_so_at_once() -> None:
    down = day(watch=SimpleNamespace(answers=lambda: False))

    with pytest.raises(StackError, match="Prometheus does not answer"):
        runner.begin(down)


def test_objective_and_condition_of_a_scenario_must_both_hold() -> None:
    both = scenario.read("logs-blind")

    objective = objectives.read(both.sli).holds(runner.WINDOW)
    assert runner.healthy(both) == f"({objective}) and on () ({both.recovered})"


def test_objective_holds_by_samples_of_after_the_question(monkeypatch: pytest.MonkeyPatch) -> None:
    """What broke and was put right within seconds is in Prometheus a scrape later; a circuit may still be open."""
    scrape = float(parse_yaml((ROOT / "prometheus/prometheus.yml").read_text())["global"]["scrape_interval"][:-1])
    asked_at = [0.0]

    def query(_expression: str) -> list[str]:
        asked_at[0] += 0.5
        return [] if scrape < asked_at[0] < 3 * scrape else ["it holds"]

    def polled(_what: str, look: Callable[[], bool], **_: Any) -> bool:
        while not look():
            pass
        return True

    monkeypatch.setattr(watch, "time", SimpleNamespace(monotonic=lambda: asked_at[0]))
    monkeypatch.setattr(watch, "eventually", polled)

    assert Watch(SimpleNamespace(prometheus=SimpleNamespace(query=query)), SimpleNamespace()).holds("sli", timeout=60.0)
    assert asked_at[0] > 3 * scrape


@pytest.mark.parametrize(
    ("made", "answered", "missed"),
    [(20, 20, 0), (21, 21, 0), (20, 14, 6), (12, 12, 8), (12, 10, 10)],
    ids=["all well", "one more by chance", "target away", "Prometheus away", "both"],
)
def test_scrapes_that_failed_or_were_not_made_are_missed(made: int, answered: int, missed: int) -> None:
    assert scrapes_missed(100, 5, made, answered) == missed


def test_lost_error_events_are_a_problem_unless_their_own_alert_fired() -> None:
    assert untold({"lost": 3, "throttled": 7}, {"ErrorEventsLost", "TargetDown"}) == [
        "7 error events were throttled, and ErrorTrackerOverCap did not fire"
    ]


def test_alert_of_the_error_tracker_is_looked_for_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prometheus never hears of it; one from before the fault, or of another part, is not this one."""

    def row(service: str, began: str) -> dict[str, Any]:
        labels = {"alertname": "NewErrorIssue", "service": service, "severity": "ticket"}
        return {"labels": labels, "startsAt": began, "updatedAt": began}

    rows = [row("frontend-payments", "2026-11-24T10:00:00Z"), row("payments", "2026-11-24T12:00:00Z")]

    def get(_url: str, **_: Any) -> httpx.Response:
        return httpx.Response(200, json=rows, request=httpx.Request("GET", "http://alertmanager"))

    monkeypatch.setattr(direct, "get", get)
    looking = Watch(Asker(Stack()), SimpleNamespace())
    noon = datetime(2026, 11, 24, 11, 59, tzinfo=UTC).timestamp()

    before = looking.fires("NewErrorIssue", "frontend-payments", noon, timeout=0.1)
    rows.append(row("frontend-payments", "2026-11-24T12:00:00Z"))

    assert before is False
    assert looking.fires("NewErrorIssue", "frontend-payments", noon, timeout=0.1)
