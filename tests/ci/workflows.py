"""`python -m tests.ci.workflows`: checks the workflow files of GitHub and GitLab, each with a tool for its language.

actionlint is built like the native programs. check-jsonschema contains the schemas of both, so nothing is downloaded.
"""

import subprocess
import sys
from pathlib import Path

from sandbox.engines.native import build
from sandbox.model import ROOT

__all__ = ["problems"]

_SCHEMA = [sys.executable, "-m", "check_jsonschema", "--builtin-schema"]


def problems(root: Path) -> list[str]:
    """Return the tools' messages about the workflow files of the checkout at `root`; empty if there are none."""
    github = sorted((root / ".github" / "workflows").glob("*.yml"))
    actionlint = build.ensure_tools(["actionlint"])["actionlint"]
    # Without shellcheck and pyflakes, which not every machine has.
    commands: list[list[str | Path]] = [
        [actionlint, "-no-color", "-shellcheck=", "-pyflakes=", *github],
        [*_SCHEMA, "vendor.github-workflows", *github],
        [*_SCHEMA, "vendor.gitlab-ci", "--data-transform=gitlab-ci", root / ".gitlab-ci.yml"],
    ]
    done = [subprocess.run(command, capture_output=True, text=True, timeout=60, check=False) for command in commands]
    return [f"{one.stdout}{one.stderr}".strip() for one in done if one.returncode]


def main() -> None:
    """Exit with the errors and status 1 if there are any."""
    if found := problems(ROOT):
        sys.exit("\n".join(found))


if __name__ == "__main__":
    main()
