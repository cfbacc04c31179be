"""The workflow files do what the suite needs of a machine."""

from typing import Any

from sandbox.model import ROOT
from sandbox.model.documents import parse_yaml

GITHUB = ROOT / ".github" / "workflows" / "ci.yml"
GITLAB = ROOT / ".gitlab-ci.yml"
NOT_JOBS = {"stages", "default", "variables"}


def github_jobs() -> dict[str, list[dict[str, Any]]]:
    """The steps of each job."""
    return {name: job["steps"] for name, job in parse_yaml(GITHUB.read_text())["jobs"].items()}


def gitlab_jobs() -> dict[str, dict[str, Any]]:
    jobs = parse_yaml(GITLAB.read_text())
    return {name: job for name, job in jobs.items() if name not in NOT_JOBS and not name.startswith(".")}


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
    default, variables = (parse_yaml(GITLAB.read_text())[key] for key in ("default", "variables"))
    assert default["cache"]["paths"] == [".cache"]
    assert variables["SANDBOX_CACHE"].startswith("$CI_PROJECT_DIR/.cache/")


def test_both_audit_the_locks() -> None:
    assert "make audit" in [step.get("run") for step in github_jobs()["audit"]]
    assert gitlab_jobs()["audit"]["script"] == ["make audit"]
