"""What the supervisor says about a process is read the way Compose would: ready, failed, or neither yet."""

import dataclasses

import pytest

from native.layout import Layout
from native.leftovers import find
from native.logs import follow_logs, rotate_logs, tail
from native.supervisor import ProcessState, Supervisor

RUNNING = ProcessState("web", "Running", "Ready", probed=True, pid=1, restarts=0, exit_code=0)


def state(**changes) -> ProcessState:
    return dataclasses.replace(RUNNING, **changes)


@pytest.mark.parametrize(
    ("process", "ready"),
    [
        (state(), True),
        (state(health="Not Ready"), False),
        (state(health="-"), False),
        (state(health="-", probed=False), True),
        (state(status="Completed", probed=False), True),
        (state(status="Completed", probed=False, exit_code=1), False),
        (state(status="Completed"), False),
        (state(status="Pending", probed=False), False),
    ],
)
def test_a_process_is_ready_when_compose_would_say_so(process, ready):
    assert process.ready is ready


@pytest.mark.parametrize(
    ("process", "failed"),
    [
        (state(health="Not Ready"), False),
        (state(status="Pending"), False),
        (state(status="Completed", exit_code=1), True),
        (state(status="Error"), True),
        (state(status="Skipped"), True),
        (state(restarts=1), True),
        (state(status="Completed", probed=False), False),
    ],
)
def test_a_process_that_ended_or_was_restarted_has_failed(process, failed):
    assert process.failed() is failed


def test_restarts_from_before_are_not_held_against_a_process():
    assert not state(restarts=3).failed(restarts_before=3)
    assert state(restarts=4).failed(restarts_before=3)


def test_nobody_answers_where_no_supervisor_runs(tmp_path):
    assert not Supervisor(Layout(tmp_path)).alive()
    assert find(tmp_path) == []


def test_the_logs_of_one_run_before_are_kept(tmp_path):
    layout = Layout(tmp_path)
    for number in (1, 2, 3):
        rotate_logs(layout)
        layout.log("web").write_text(f"run {number}\n")

    assert tail(layout.log("web"), 5) == ["run 3"]
    assert tail(layout.previous_logs / "web.log", 5) == ["run 2"]
    assert tail(layout.log("none"), 5) == []


def test_the_last_lines_come_first_and_then_what_is_added(tmp_path):
    layout = Layout(tmp_path)
    layout.logs.mkdir(parents=True)
    layout.log("web").write_text("one\ntwo\nthree\n")

    lines = follow_logs(layout, ["web", "store"], lines=2, follow=True)

    assert [next(lines), next(lines)] == ["web   | two", "web   | three"]
    with layout.log("web").open("a") as log:
        log.write("four\nhalf a li")
    assert next(lines) == "web   | four"
    with layout.log("web").open("a") as log:
        log.write("ne\n")
    assert next(lines) == "web   | half a line"
