"""`python -m sandbox`: every command that a make target, a document or a message names exists."""

import re
import subprocess
import sys
from collections.abc import Iterator

import click
import typer

import sandbox.cli  # noqa: F401  (adds the commands to the application)
from sandbox.cli.app import app
from sandbox.model import ROOT

COMMANDS = typer.main.get_command(app)
NAMED = re.compile(r"python -m sandbox((?: +[a-z][a-z-]*)*)")
PLACES = (
    "docs",
    "loadtest",
    "runbooks",
    "sandbox/cli",
    "sandbox/checks",
    "sandbox/engines",
    "sandbox/incidents",
    "tests",
)
PATTERNS = ("*.md", "*.py", "*.yml")
# What a command that only looks must not wait for.
HEAVY = {"httpx", "matplotlib", "psutil", "psycopg", "rich", "sandbox.engines", "yaml"}


def named() -> Iterator[tuple[str, list[str]]]:
    """Each place that names a command, with the words that follow."""
    files = [file for place in PLACES for pattern in PATTERNS for file in (ROOT / place).rglob(pattern)]
    for path in [ROOT / "Makefile", *ROOT.glob("*.md"), *files]:
        for match in NAMED.finditer(path.read_text(encoding="utf-8")):
            yield str(path.relative_to(ROOT)), match[1].split()


def exists(words: list[str]) -> bool:
    command: object = COMMANDS
    for word in words:
        if not isinstance(command, click.Group):
            # What follows the command is an argument.
            return True
        command = command.commands.get(word)
        if command is None:
            return False
    return True


def test_every_command_that_is_named_exists() -> None:
    found = list(named())
    assert len(found) > 80
    assert [(place, words) for place, words in found if not exists(words)] == []


def test_each_make_target_calls_the_command_of_its_name() -> None:
    recipes = re.findall(
        r"^([a-z-]+):.*##.*\n\t@\$\(BIN\)/python -m sandbox (\S+)", (ROOT / "Makefile").read_text(), re.M
    )
    assert len(recipes) > 15
    assert [target for target, command in recipes if target != command] == []


def test_commands_load_what_they_need_only_when_they_run() -> None:
    script = f"import sys, sandbox.cli; print(sorted({HEAVY!r} & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True)
    assert told.stdout.strip() == "[]"


def test_problem_is_printed_with_the_next_step_and_without_a_traceback() -> None:
    command = [sys.executable, "-m", "sandbox", "faults", "inject", "earthquake"]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("There is no fault earthquake.\nNext: Choose from: acquirer-down,")
