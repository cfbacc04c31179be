"""Verdicts: nothing passes that did not run and pass."""

from pathlib import Path

import pytest

from sandbox.checks.gate.report import lines
from sandbox.checks.gate.results import Result, read_results
from sandbox.checks.gate.rows import Row
from sandbox.checks.gate.verdicts import Outcome, conclusion, judge

ROW = Row("4.2.C.2", "one trace", ("tests/t.py::test_tree",))


def result(nodeid: str = "tests/t.py::test_tree", problem: str = "") -> Result:
    return Result(nodeid, 1.5, problem, (("trace_id", "abc"),))


def test_passed_check_passes_the_row_with_its_evidence() -> None:
    verdict = judge(ROW, [result()])
    assert (verdict.outcome, verdict.seconds, verdict.evidence) == (Outcome.PASS, 1.5, ("test_tree: trace_id=abc",))


@pytest.mark.parametrize("problem", ["failure: two roots", "error: no stack", "skipped: no Grafana"])
def test_anything_but_a_pass_fails_the_row(problem: str) -> None:
    assert judge(ROW, [result(problem=problem)]).outcome is Outcome.FAIL


def test_check_that_did_not_run_fails_the_row() -> None:
    verdict = judge(ROW, [result("tests/t.py::test_tree_of_something_else")])
    assert verdict.outcome is Outcome.FAIL
    assert verdict.reasons == ("did not run: tests/t.py::test_tree",)


def test_one_failed_parameter_fails_the_row() -> None:
    results = [result("tests/t.py::test_tree[a]"), result("tests/t.py::test_tree[b]", "failure: no")]
    assert judge(ROW, results).outcome is Outcome.FAIL


def test_row_that_waits_is_not_yet_unless_its_checks_fail() -> None:
    waiting = Row("exit.1", "errors", ROW.checks, "a frontend")
    assert judge(waiting, [result()]).outcome is Outcome.NOT_YET
    assert judge(waiting, [result(problem="failure: no")]).outcome is Outcome.FAIL


def test_gate_passes_only_when_every_row_passed() -> None:
    passed, waits = judge(ROW, [result()]), judge(Row("4.5.C.1", "alert", (), "alert rules"), [])
    assert conclusion([passed]) == "GATE 4 PASSED"
    assert conclusion([passed, waits]) == "GATE 4 NOT PASSED: 1 rows are open, 0 FAIL and 1 NOT YET"
    assert list(lines([passed, waits]))[-1] == conclusion([passed, waits])


def test_report_of_pytest_is_read_with_node_ids_and_evidence(tmp_path: Path) -> None:
    report = tmp_path / "junit.xml"
    report.write_text(
        """<testsuites><testsuite><testcase classname="c" name="n" time="0.5"><properties>
        <property name="nodeid" value="tests/t.py::test_tree"/><property name="evidence.query" value="up"/>
        </properties><failure message="two roots&#10;and more"/></testcase></testsuite></testsuites>"""
    )
    [read] = read_results(report)
    assert read == Result("tests/t.py::test_tree", 0.5, "failure: two roots", (("query", "up"),))
