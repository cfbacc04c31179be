"""What somebody who waits for a build sees."""

import io

import pytest
from rich.console import Console

from sandbox.engines.native.build import progress
from sandbox.engines.native.build.progress import Made, Progress, Step


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_waiting_is_not_counted_as_work(clock: list[float]) -> None:
    step = Step("loki", 100)
    step.begin("downloading")
    clock[0] += 10
    step.pause("downloaded")
    clock[0] += 500
    step.begin("compiling")
    clock[0] += 20
    assert step.seconds == 30
    assert str(step) == "compiling, 30 s of about 100 s"


def test_a_step_is_never_shown_as_done_before_it_is(clock: list[float]) -> None:
    step = Step("loki", 10, total=200)
    step.begin("compiling")
    clock[0] += 60
    assert step.share == 0.99
    step.end(Made("loki", 60))
    assert (step.share, str(step)) == (1.0, "done in 60 s")


def test_counted_packages_are_shown(clock: list[float]) -> None:
    step = Step("tempo", 100, total=1838)
    step.begin("compiling")
    step.done = 919
    assert str(step) == "compiling, 919 of 1838 packages, 0 s of about 100 s"
    assert step.share == 0.5


def test_without_a_terminal_each_result_is_one_plain_line() -> None:
    output = io.StringIO()
    steps = [Step("loki", 100), Step("tempo", 50)]
    shown = Progress(steps, Console(file=output, width=80))
    with shown.shown():
        steps[0].begin("compiling")
        steps[0].end(Made("loki", 12, cpu=20, compiled=3, packages=9))
    assert output.getvalue() == "  loki done in 0 s\n"


def test_the_summary_says_what_each_part_cost() -> None:
    output = io.StringIO()
    step = Step("loki", 100)
    step.begin("compiling")
    step.end(Made("loki", 12.4, cpu=20.2, compiled=3, packages=9))
    Console(file=output, width=80).print(Progress([step]).summary())
    assert "loki" in output.getvalue()
    assert [word for word in output.getvalue().split() if word.isdigit()][-4:] == ["12", "20", "3", "9"]
