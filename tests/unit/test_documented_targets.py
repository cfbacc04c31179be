"""Every make target that a page names exists, in prose and in blocks; every one of `make help` is on a page."""

import re
import subprocess
from pathlib import Path

from sandbox.model import ROOT
from tests.support.checklist import nothing_is_wrong_with

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z0-9-]+):", MAKEFILE, re.MULTILINE))
IN_HELP = set(re.findall(r"^([a-z0-9-]+):.*##", MAKEFILE, re.MULTILINE))
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
FOLDERS = ("docs", "loadtest", "runbooks", "sandbox", "sandbox_testing", "services", "tests/ci")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
PAGES += [page for folder in FOLDERS for page in (ROOT / folder).rglob("*.md") if "node_modules" not in page.parts]
# Also named in other files than pages, where a wrong one would stop a run.
RUNS = [ROOT / ".github" / "workflows" / "ci.yml", ROOT / ".gitlab-ci.yml"]


def targets_in(code: str) -> set[str]:
    """The targets of each `make …` in a piece of code: `make -C folder lint unit NAME=x` has two."""
    found: set[str] = set()
    for words in re.findall(r"\bmake((?: +[^\s`|;&\\]+)*)", code):
        plain = re.sub(r" -C +\S+", "", words).split()
        # A comment, a variable or the end of the command ends the targets.
        stop = next((number for number, word in enumerate(plain) if not re.fullmatch(r"[a-z0-9-]+", word)), len(plain))
        found |= set(plain[:stop])
    return found


def code_of(page: Path) -> str:
    """Blocks of code, fenced or indented, and code within a sentence, each in a line."""
    text = page.read_text(encoding="utf-8")
    prose = FENCE.sub("", text)
    spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)]
    return "\n".join([*FENCE.findall(text), *re.findall(r"^ {4}\S.*$", prose, re.M), *spans])


@nothing_is_wrong_with({str(page.relative_to(ROOT)): page for page in PAGES})
def test_pages_name_only_targets_that_exist(page: Path) -> dict[str, object]:
    return {"there is no": targets_in(code_of(page)) - TARGETS}


def test_every_target_is_on_a_page() -> None:
    named = set().union(*(targets_in(code_of(page)) for page in PAGES))
    assert IN_HELP - named == set()


def test_first_commands_of_the_readme_are_read_as_targets() -> None:
    assert {"up", "test", "load", "doctor", "release", "rollback"} <= targets_in(code_of(ROOT / "README.md"))


@nothing_is_wrong_with({file.name: file for file in RUNS})
def test_workflow_runs_only_targets_that_exist(file: Path) -> dict[str, object]:
    steps = "\n".join(re.findall(r"^\s*- (?:run: )?(make .*)$", file.read_text(encoding="utf-8"), re.MULTILINE))
    return {"no step is read": not targets_in(steps), "there is no": targets_in(steps) - TARGETS}


def test_help_lists_each_target_with_a_line() -> None:
    # Below another make, this one would tell which folder it works in.
    told = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    assert {line.split()[1] for line in told.splitlines() if len(line.split()) > 3} == IN_HELP
    assert not TARGETS - IN_HELP - {"examples-made"}
