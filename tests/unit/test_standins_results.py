"""The closing line of `.ci/run` is the sum of the reports, and a step that fails without a report still counts."""

import sys
import time
from pathlib import Path

from ci.results import Outcome, Tally, read_reports, write_report
from ci.steps import Steps

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


def test_what_a_machine_cannot_do_is_skipped_and_any_other_exception_is_a_failure(tmp_path: Path) -> None:
    steps = _steps(tmp_path)

    def refuse() -> str:
        raise OSError("no cgroups here")

    assert not steps.call("engine", refuse, (OSError,))
    assert not steps.call("images", refuse)
    assert [bool(outcome.skipped) for outcome in steps.outcomes] == [True, False]
    assert "no cgroups here" in steps.outcomes[1].failure
