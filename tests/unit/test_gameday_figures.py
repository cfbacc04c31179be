"""The figures of the game days are of fresh runs, of all that were planned, and hide nothing that went wrong."""

from pathlib import Path

import pytest

from sandbox.figures import measure
from sandbox.figures.alerting import FAULTS
from sandbox.figures.gameday import gameday, section
from sandbox.incidents import scenario, session
from sandbox.incidents.record import Record
from sandbox.model.errors import StackError
from tests.support.paging import DRILLS

NAMES = ["bad-release", "database-down"]


def played(name: str, detect: float) -> Record:
    record = Record(name, "A title", "a kind", "It broke.", "native", "run", began=100.0)
    record.times = {"injected": 110.0, "firing": 110.0 + detect, "mitigated": 150.0, "recovered": 155.0}
    record.telemetry = {"traces_lost": 0, "lines_lost": 0, "requests": 50, "scrapes_missed": 2, "error_events_lost": 0}
    return record


@pytest.fixture
def plays(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Scenarios that were played, in order; the second round of database-down does not begin, and a mail stands in for
    the alert of the first."""
    done: list[str] = []

    def play_one(_stack: object, name: str, _report: object) -> Record:
        done.append(name)
        if done.count("database-down") == 2:
            raise StackError("The objective does not hold.", "Look.")
        record = played(name, detect=10.0 * done.count(name))
        if name == "database-down":
            record.times["mail"] = record.times.pop("firing")
            record.alerts = [{"name": "DiskFilling", "service": "loki", "verdict": "unexpected"}]
            record.problems = ["DiskFilling (loki) fired and should not have"]
        return record

    monkeypatch.setattr(scenario, "names", lambda: NAMES)
    monkeypatch.setattr(session, "play_one", play_one)
    monkeypatch.setattr(measure, "stack", lambda _root, _command: 1.0)
    return done


def test_every_scenario_is_played_anew_in_every_round_and_each_run_kept_at_once(
    plays: list[str], tmp_path: Path
) -> None:
    kept = [len(so_far["runs"]) for so_far in gameday(tmp_path, rounds=2)]

    assert plays == NAMES * 2
    assert kept == [1, 2, 3, 4]


def test_interrupted_measurement_goes_on_where_it_stopped(plays: list[str], tmp_path: Path) -> None:
    *_, third, _last = gameday(tmp_path, rounds=2)
    interrupted = {**third, "runs": third["runs"][:3]}
    plays.clear()

    *_, whole = gameday(tmp_path, rounds=2, resumed=interrupted)

    assert plays == ["database-down"]
    assert [(one["round"], one["scenario"]) for one in whole["runs"]] == [(n, name) for n in (1, 2) for name in NAMES]


def test_page_counts_all_that_was_planned_and_names_what_failed(plays: list[str], tmp_path: Path) -> None:
    *_, measured = gameday(tmp_path, rounds=2)

    text = section(measured)

    assert "Passed: **2 of 4** runs" in text
    assert "by an alert: **2 of 4**, and 1 by the mail of the dead man's switch; 10.0 (20.0) s" in text
    assert "**1** (target: 0): DiskFilling in database-down" in text
    assert "of 150 requests: **0**" in text
    assert "Scrapes missed: 6" in text
    assert "| bad-release | bad release | 2 of 2 | 15.0 (20.0) |" in text
    assert "| database-down | database down | 0 of 2 |" in text
    assert "- database-down, round 1: DiskFilling (loki) fired and should not have\n" in text
    assert "- database-down, round 2: could not be played: StackError" in text


def test_page_of_an_interrupted_measurement_says_what_is_missing(plays: list[str], tmp_path: Path) -> None:
    text = section(next(gameday(tmp_path, rounds=3)))

    assert "Every scenario, unattended, 3 times: 1 of 6 runs" in text
    assert "Passed: **1 of 6** runs" in text
    assert "| database-down |  | not played | - |" in text


def test_the_figures_measure_every_drill() -> None:
    assert tuple(DRILLS) == FAULTS
