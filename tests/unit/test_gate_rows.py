"""The gate's rows: each line of the plan once, each check a test that exists."""

import ast
from pathlib import Path

import pytest

from sandbox.checks.gate.rows import Row, read_rows
from sandbox.model import ROOT

VERIFICATION_LINES = {"4.1": 5, "4.2": 3, "4.3": 3, "4.4": 3, "4.5": 3, "4.6": 3}
EXIT_CRITERIA = 5


def test_every_line_of_the_plan_is_one_row() -> None:
    planned = [f"{task}.C.{line}" for task, lines in VERIFICATION_LINES.items() for line in range(1, lines + 1)]
    planned += [f"exit.{number}" for number in range(1, EXIT_CRITERIA + 1)]
    assert [row.id for row in read_rows()] == planned


def listed_in(file: Path) -> set[str]:
    """The node ids of a file's test functions, without starting pytest, which takes seconds."""
    functions = [one for one in ast.parse(file.read_text()).body if isinstance(one, ast.FunctionDef)]
    return {f"{file.relative_to(ROOT)}::{one.name}" for one in functions if one.name.startswith("test_")}


def test_every_check_is_a_test_that_exists() -> None:
    checks = {check for row in read_rows() for check in row.checks}
    files = {ROOT / check.partition("::")[0] for check in checks}
    assert sorted(checks - set().union(*(listed_in(file) for file in files))) == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[[row]]\nid = "a"\npromise = "p"\nchecks = ["t"]\n' * 2, "these rows twice: a"),
        ('[[row]]\nid = "a"\npromise = "p"\n', "a: name the checks, or what is missing"),
    ],
)
def test_unusable_rows_are_refused(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "rows.toml"
    file.write_text(text)
    with pytest.raises(ValueError, match=complaint):
        read_rows(file)


def test_row_may_have_checks_and_still_wait(tmp_path: Path) -> None:
    file = tmp_path / "rows.toml"
    file.write_text('[[row]]\nid = "a"\npromise = "p"\nchecks = ["t"]\nmissing = "half of it"\n')
    [row] = read_rows(file)
    assert (row.checks, row.missing) == (("t",), "half of it")
    assert Row("x", "p").missing == ""
