"""The workflow files are right by their own tools, and do what the suite needs of a machine."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from ci.workflows import problems
from tests.support.project import ROOT

GITHUB = ROOT / ".github" / "workflows" / "ci.yml"
GITLAB = ROOT / ".gitlab-ci.yml"
NOT_JOBS = {"stages", "default", "variables"}


def github_jobs() -> dict[str, list[dict[str, Any]]]:
    """The steps of each job."""
    return {name: job["steps"] for name, job in yaml.safe_load(GITHUB.read_text())["jobs"].items()}


def gitlab_jobs() -> dict[str, dict[str, Any]]:
    jobs = yaml.safe_load(GITLAB.read_text())
    return {name: job for name, job in jobs.items() if name not in NOT_JOBS and not name.startswith(".")}


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


def test_every_job_of_github_that_drives_a_browser_installs_one() -> None:
    for name, steps in github_jobs().items():
        commands = [step.get("run", "") for step in steps]
        tests = [number for number, command in enumerate(commands) if command.startswith("make test")]
        browser = [number for number, command in enumerate(commands) if "playwright install" in command]
        assert not tests or (browser and browser[0] < tests[0]), name


def test_every_job_of_gitlab_that_drives_a_browser_installs_one() -> None:
    jobs = gitlab_jobs()
    driving = {name for name, job in jobs.items() if any("make test" in line for line in job["script"])}
    assert driving == {"stack-native", "stack-docker"}
    assert all("chromium" in jobs[name]["variables"]["PACKAGES"].split() for name in driving)


def test_every_suite_runs_the_examples_and_keeps_its_reports() -> None:
    for steps in github_jobs().values():
        suites = [step["run"] for step in steps if step.get("run", "").startswith("make test")]
        kept = [step for step in steps if step.get("uses", "").startswith("actions/upload-artifact")]
        assert not suites or (all("EXAMPLES=1" in suite for suite in suites) and ".run/bundle" in str(kept))
    for job in gitlab_jobs().values():
        suites = [line for line in job["script"] if "make test" in line]
        assert not suites or (all("EXAMPLES=1" in suite for suite in suites) and ".run/bundle" in str(job["artifacts"]))


def test_every_job_that_builds_or_tests_has_a_cache() -> None:
    for name, steps in github_jobs().items():
        heavy = any(step.get("run", "").startswith(("make test", "make build")) for step in steps)
        cached = [step["with"]["path"] for step in steps if step.get("uses", "").startswith("actions/cache")]
        assert not heavy or "~/.cache/observability-sandbox" in str(cached), name
    default, variables = (yaml.safe_load(GITLAB.read_text())[key] for key in ("default", "variables"))
    assert default["cache"]["paths"] == [".cache"]
    assert variables["SANDBOX_CACHE"].startswith("$CI_PROJECT_DIR/.cache/")


def test_both_audit_the_locks() -> None:
    assert "make audit" in [step.get("run") for step in github_jobs()["audit"]]
    assert gitlab_jobs()["audit"]["script"] == ["make audit"]
