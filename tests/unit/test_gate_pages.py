"""The gate's report as a page: every row is there with its outcome, its reason and its evidence, and nothing is run."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from sandbox.checks.gate.pages import PICTURES, TASKS, write_pages
from sandbox.checks.gate.rows import Row, read_rows
from sandbox.checks.gate.verdicts import Outcome, Verdict

PASSED = Verdict(
    Row("4.2.C.2", "It is one trace", ("tests/t.py::test_tree",)), Outcome.PASS, (), ("tree: trace_id=abc", "b"), 1.5
)
WAITS = Verdict(
    Row("4.5.C.1", "An <error> fires", (), "alert rules"), Outcome.NOT_YET, ("waits for alert rules",), (), 0
)
FAILED = Verdict(Row("exit.2", "Traces lead", ("t",)), Outcome.FAIL, ("a | b: failure: two roots",), (), 2)


@pytest.fixture
def pages(tmp_path: Path) -> dict[str, str]:
    picture = tmp_path / "slo.png"
    picture.write_bytes(b"")
    written = write_pages([PASSED, WAITS, FAILED], {"slo": picture}, tmp_path, datetime(2026, 11, 24, 9, 0, tzinfo=UTC))
    return {path.name: path.read_text() for path in written}


@pytest.mark.parametrize("name", ["index.html", "report.md"])
def test_page_has_every_row_its_reason_and_its_evidence(pages: dict[str, str], name: str) -> None:
    for told in (
        "4.2.C.2",
        "4.5.C.1",
        "exit.2",
        "waits for alert rules",
        "two roots",
        "trace_id=abc",
        "✔ PASS",
        "… NOT YET",
    ):
        assert told in pages[name], told
    assert "GATE 4 NOT PASSED: 2 rows are open, 1 FAIL and 1 NOT YET" in pages[name]
    assert "3 rows: 1 PASS, 1 FAIL, 1 NOT YET." in pages[name]


def test_what_tests_said_is_text_and_not_markup(pages: dict[str, str]) -> None:
    assert "An &lt;error&gt; fires" in pages["index.html"]
    assert "a \\| b: failure" in pages["report.md"]


def test_picture_stands_with_its_task_and_one_that_is_missing_leaves_no_hole(pages: dict[str, str]) -> None:
    assert pages["index.html"].index("Task 4.5") < pages["index.html"].index("src='slo.png'")
    assert "![Dashboard slo](slo.png)" in pages["report.md"]
    assert "incident.png" not in pages["index.html"] + pages["report.md"]


def test_every_task_of_the_plan_has_a_heading() -> None:
    assert {
        row.id.split(".C.")[0].split(".")[0] if "exit" in row.id else row.id.split(".C.")[0] for row in read_rows()
    } == set(TASKS)
    assert set(PICTURES) <= set(TASKS)
