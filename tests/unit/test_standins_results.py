"""The closing line of `.ci/run` is the sum of the reports, and a step that fails without a report still counts."""

import os
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.ci import summary
from tests.ci.results import Case, Outcome, Tally, read_cases, read_reports, write_report
from tests.ci.steps import Steps

SUITE = '<testsuites><testsuite tests="{0}" failures="{1}" errors="{2}" skipped="{3}"/></testsuites>'


def test_the_sum_counts_errors_as_failures_and_skips_apart(tmp_path: Path) -> None:
    (tmp_path / "native").mkdir()
    (tmp_path / "unit.xml").write_text(SUITE.format(10, 1, 1, 2))
    (tmp_path / "native" / "e2e.xml").write_text(SUITE.format(5, 0, 0, 0))

    assert str(read_reports(tmp_path)) == "11 passed, 2 failed, 2 skipped"


def test_the_closing_line_says_nothing_of_skips_when_there_are_none() -> None:
    assert str(Tally(passed=3)) == "3 passed, 0 failed"


def test_a_report_cut_short_by_a_crash_counts_as_a_failure(tmp_path: Path) -> None:
    (tmp_path / "unit.xml").write_text("<testsuites><testsuite")

    assert read_reports(tmp_path) == Tally(failed=1)


def test_steps_are_written_as_junit_with_their_reasons(tmp_path: Path) -> None:
    outcomes = [Outcome("lint", 1), Outcome("engine", 1, skipped="no iptables"), Outcome("up", 1, failure="it\nbroke")]

    write_report(outcomes, tmp_path / "ci.xml")

    assert read_reports(tmp_path) == Tally(passed=1, failed=1, skipped=1)
    assert "no iptables" in (tmp_path / "ci.xml").read_text()


def _steps(tmp_path: Path) -> Steps:
    return Steps(tmp_path, tmp_path / "logs", time.monotonic() + 60)


def test_a_failing_command_is_recorded_with_its_status_and_its_last_lines(tmp_path: Path) -> None:
    steps = _steps(tmp_path)

    succeeded = steps.command("breaks", [sys.executable, "-c", "print('the reason'); raise SystemExit(3)"], 1)

    assert not succeeded
    assert "status 3" in steps.outcomes[0].failure
    assert "the reason" in steps.outcomes[0].failure


def test_a_command_whose_report_holds_the_failures_is_not_counted_again(tmp_path: Path) -> None:
    steps = _steps(tmp_path)
    (tmp_path / "unit.xml").write_text(SUITE.format(3, 1, 0, 0))

    steps.command("unit", [sys.executable, "-c", "raise SystemExit(1)"], 1, reports=tmp_path)

    write_report(steps.outcomes, tmp_path / "ci.xml")
    assert steps.outcomes[0].failure
    assert read_reports(tmp_path) == Tally(passed=2, failed=1)


def test_a_command_that_hangs_is_ended_when_its_time_is_up(tmp_path: Path) -> None:
    steps = _steps(tmp_path)
    began = time.monotonic()

    steps.command("hangs", [sys.executable, "-c", "import time; time.sleep(60)"], minutes=0.01)

    assert time.monotonic() - began < 20
    assert "stopped after" in steps.outcomes[0].failure


def test_a_command_that_leaves_a_process_with_its_output_does_not_hold_up_the_run(tmp_path: Path) -> None:
    steps = _steps(tmp_path)
    began = time.monotonic()
    child = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(30)'])"

    assert steps.command("leaves a child", [sys.executable, "-c", child], 1)
    assert time.monotonic() - began < 20


def test_a_background_command_yields_to_every_session_and_says_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = _steps(tmp_path)
    code = """import os, pathlib
group = pathlib.Path("/proc/self/autogroup")
print(os.nice(0), os.getsid(0) == os.getpid(), group.read_text().split()[-1] if group.exists() else 10)"""

    assert steps.command("waits", [sys.executable, "-c", code], 1, background=True)

    assert (tmp_path / "logs" / "waits.log").read_text() == f"{min(os.nice(0) + 10, 19)} True 10\n"
    assert capsys.readouterr().out == "\n=== waits\n"


def test_what_a_machine_cannot_do_is_skipped_and_any_other_exception_is_a_failure(tmp_path: Path) -> None:
    steps = _steps(tmp_path)

    def refuse() -> str:
        raise OSError("no cgroups here")

    assert not steps.call("engine", refuse, (OSError,))
    assert not steps.call("images", refuse)
    assert [bool(outcome.skipped) for outcome in steps.outcomes] == [True, False]
    assert "no cgroups here" in steps.outcomes[1].failure


def test_commands_of_every_thread_end_when_the_run_is_abandoned(tmp_path: Path) -> None:
    steps = _steps(tmp_path)
    code = "import time; print('up', flush=True); time.sleep(60)"
    thread = threading.Thread(target=steps.command, args=("sleeps", [sys.executable, "-c", code], 1))
    thread.start()

    steps.abandon()
    thread.join(20)

    assert not thread.is_alive()
    assert steps.outcomes[0].failure


CASES = """<testsuites><testsuite tests="3" failures="1" errors="1" skipped="0">
<testcase classname="a" name="quick" time="0.5"/>
<testcase classname="a" name="wrong" time="2.5">
  <properties><property name="nodeid" value="tests/a.py::wrong[x]"/></properties>
  <failure message="NotSeen: waited for the mail: 9 tries in 30 s;&#10;   the last answer was: []">long text</failure>
</testcase>
<testcase classname="a" name="unready" time="0.1"><error message="failed on setup">long text</error></testcase>
</testsuite></testsuites>"""


def test_cases_are_read_slowest_first_with_what_was_awaited_and_found(tmp_path: Path) -> None:
    (tmp_path / "native").mkdir()
    (tmp_path / "native" / "e2e.xml").write_text(CASES)

    assert read_cases(tmp_path) == [
        Case(
            "tests/a.py::wrong[x]",
            "native",
            2.5,
            "NotSeen: waited for the mail: 9 tries in 30 s; the last answer was: []",
        ),
        Case("a::quick", "native", 0.5),
        Case("a::unready", "native", 0.1, "failed on setup"),
    ]


def _end_of_a_run(failures: int, outcomes: list[Outcome]) -> list[str]:
    cases = [Case(f"tests/t.py::t{number}", "native", 1.0, f"no mail {number}") for number in range(failures)]
    cases.append(Case("tests/t.py::fine", "unit", 9.0))
    return list(summary.lines(outcomes, cases, Tally(1, failures), 61.0, ".run/bundle"))


def test_last_ten_lines_of_a_failed_run_name_the_tests_the_steps_and_the_bundle() -> None:
    step = Outcome("make lint", 3, failure="make lint ended with status 2\nfirst\nE501 line\nerror one\nerror two")

    last = _end_of_a_run(1, [step])[-10:]

    assert last[-1] == "1 passed, 1 failed"
    assert last[-2].endswith(".run/bundle")
    assert "FAILED native: tests/t.py::t0: no mail 0" in last
    assert "FAILED make lint: make lint ended with status 2 E501 line error one error two" in last


def test_many_failures_still_fit_into_the_last_ten_lines() -> None:
    last = _end_of_a_run(30, [])[-10:]

    assert last[0].startswith("FAILED native: tests/t.py::t0")
    assert last[-3] == "and 23 more"
    assert last[-1] == "1 passed, 30 failed"


def test_green_run_ends_with_its_parts_its_slowest_tests_and_the_sum() -> None:
    printed = _end_of_a_run(0, [Outcome("make unit", 12.4), Outcome("Docker engine", 1, skipped="no iptables\nmore")])

    assert "  ok           12 s  make unit" in printed
    assert "           no iptables" in printed
    assert "               61 s  the whole run" in printed
    assert "     9.0 s  unit: tests/t.py::fine" in printed
    assert printed[-1] == "1 passed, 0 failed"
