"""The workflow files are right by their own tools, actionlint and check-jsonschema."""

import shutil
from pathlib import Path

import pytest

from sandbox.model import ROOT
from tests.ci.workflows import problems

GITHUB = ROOT / ".github" / "workflows" / "ci.yml"
GITLAB = ROOT / ".gitlab-ci.yml"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / ".github" / "workflows").mkdir(parents=True)
    shutil.copy(GITHUB, tmp_path / ".github" / "workflows")
    shutil.copy(GITLAB, tmp_path)
    return tmp_path


def test_workflow_files_are_right_by_their_tools() -> None:
    assert problems(ROOT) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "complaint"),
    [
        (GITHUB, "matrix.runner }}", "matrix.runer }}", "runer"),
        (GITHUB, "timeout-minutes: 60", "timeout-minuets: 60", "timeout-minuets"),
        (GITLAB, "when: always", "when: sometimes", "sometimes"),
    ],
    ids=["a name that is not there", "an unknown key", "a value that does not exist"],
)
def test_mistake_in_a_workflow_file_is_found(checkout: Path, file: Path, old: str, new: str, complaint: str) -> None:
    copy = checkout / file.relative_to(ROOT)
    assert old in copy.read_text()
    copy.write_text(copy.read_text().replace(old, new))
    assert complaint in "\n".join(problems(checkout))
