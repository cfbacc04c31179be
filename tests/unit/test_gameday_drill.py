"""A drill is passed by whoever names the cause and puts it right in time; given up, it is not."""

import os
import re
import time
from contextlib import ExitStack, contextmanager, nullcontext
from types import SimpleNamespace

import pytest

from sandbox.incidents import drill, review, scenario
from sandbox.incidents.drill import score
from sandbox.incidents.faults import Fault
from sandbox.incidents.keyboard import Keyboard
from sandbox.incidents.record import Record
from tests.support.person import Person

HIDDEN = scenario.read("acquirer-outage")


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch):
    """Plays a drill of a stack that is not there; `holds` says whether the objective holds in the end."""
    resources = ExitStack()

    def _play(person: Person, *, holds: bool) -> Record:
        resources.enter_context(person)
        record = Record(HIDDEN.name, HIDDEN.title, HIDDEN.kind, HIDDEN.story, "native", "drill", time.time())
        record.expected = {"alert": HIDDEN.alert, "runbook": HIDDEN.runbook}
        day = SimpleNamespace(
            scenario=HIDDEN,
            record=record,
            report=person.hears,
            healthy="vector(1)",
            watch=SimpleNamespace(holds=lambda *_, **__: holds),
            crowd=SimpleNamespace(present=nullcontext),
            closed_on_error=nullcontext,
        )
        monkeypatch.setattr(drill.Day, "of", lambda *_: day)
        monkeypatch.setattr(drill, "begin", lambda *_, **__: None)
        monkeypatch.setattr(drill, "make", lambda *_, **__: Fault(lambda: None, lambda: None))
        monkeypatch.setattr(drill, "undone", contextmanager(lambda *_: iter([None])))
        return drill.play(SimpleNamespace(url=str), HIDDEN, person.hears, person.keyboard).record

    with resources:
        yield _play


RIGHT = (r"\n  (\d)\. " + re.escape(HIDDEN.cause), r"\1")
WRONG = (r"\n  (\d)\. " + re.escape(HIDDEN.wrong[0]), r"\1")


def test_drill_is_passed_by_naming_the_cause_and_putting_it_right(play) -> None:
    record = play(Person((r"You are on call", "done"), RIGHT), holds=True)

    assert record.problems == []
    assert record.drill["score"] == 100
    assert "recovered" in record.times
    assert "**PASSED** · drill" in review.markdown(record, before=[])


@pytest.mark.parametrize(
    ("person", "holds", "problem"),
    [
        (Person((r"You are on call", "quit")), True, "given up"),
        (Person((r"You are on call", "done"), WRONG), True, "the cause was not named"),
        (Person((r"You are on call", "done"), RIGHT), False, "the objective did not hold"),
    ],
)
def test_drill_that_is_given_up_or_half_done_is_not_passed(play, person: Person, holds: bool, problem: str) -> None:
    record = play(person, holds=holds)

    assert problem in " ".join(record.problems)
    assert "**NOT PASSED** · drill" in review.markdown(record, before=[])


def test_drill_ends_when_its_time_is_over_although_nobody_types(play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drill, "MINUTES", 0.2 / 60)
    person = Person()

    record = play(person, holds=True)

    assert "The time is over." in person.said
    assert record.drill["found"] is False
    assert not record.passed


def test_hints_come_one_after_the_other_and_end(play) -> None:
    person = Person((r"You are on call", "hint"), (re.escape(HIDDEN.hints[0]), "hint\nhint\nhint\nquit"))

    record = play(person, holds=False)

    assert [said for said in person.said if said in HIDDEN.hints] == list(HIDDEN.hints)
    assert "There are no more hints." in person.said
    assert record.drill["hints"] == len(HIDDEN.hints)


def test_lines_that_were_pasted_together_are_read_one_by_one_to_the_end_of_the_input() -> None:
    read, write = os.pipe()
    os.write(write, b"hint\ndone\n2")
    os.close(write)
    keyboard = Keyboard(read)

    lines = [keyboard.line(time.monotonic() + 5) for _ in range(4)]
    os.close(read)

    assert lines == ["hint", "done", "2", None]


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
    assert score(found, recovered, hints, minutes * 60)[0] == points
