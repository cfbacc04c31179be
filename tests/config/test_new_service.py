"""`make new-service` writes what passes as it is, and names it in few places."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.scaffold.entries import FILES
from tests.support.newservice import checkout_with

# Not a word of English, so that only the new service is found by it.
NAME = "qorders"
# A test that reads what lists services: the catalog, the topology, the pins, the scrape targets.
READS_ENTRIES = re.compile(r"catalog\(|catalog\.yml|read_topology|docker-compose\.yml|\.env\b|prometheus\.yml")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkout_with(NAME, tmp_path_factory.mktemp("new-service"))


def run(copy: Path, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=copy, check=False, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_new_service_is_named_in_four_files_outside_its_folder(copy: Path) -> None:
    # The tests of new services have to name one themselves.
    files = [path for path in copy.rglob("*") if path.is_file() and not path.is_relative_to(copy / "tests")]
    named = {
        str(path.relative_to(copy))
        for path in files
        if NAME in path.read_text(encoding="utf-8", errors="replace").lower()
    }
    assert {name for name in named if not name.startswith(f"services/{NAME}/")} == set(FILES)
    assert "{{" not in "".join((copy / name).read_text() for name in named if name.endswith(".py"))


def test_new_service_has_the_style_of_the_house(copy: Path) -> None:
    run(copy, "ruff", "check", "--no-cache", ".")
    run(copy, "ruff", "format", "--check", "--no-cache", f"services/{NAME}")


def test_new_service_changes_no_dashboard_and_needs_no_rule_no_route_and_no_runbook(copy: Path) -> None:
    run(copy, "sandbox", "generate", "--check")


def test_new_service_passes_its_own_tests_and_all_that_read_what_lists_services(copy: Path) -> None:
    """Of the other tests, none can notice it: they read neither its entries nor its folder."""
    suites = [*(copy / "tests" / "unit").glob("test_*.py"), *(copy / "services" / "telemetry").rglob("test_*.py")]
    others = [path for path in suites if path.name != Path(__file__).name]
    about = [str(path) for path in others if READS_ENTRIES.search(path.read_text(encoding="utf-8"))]
    assert len(about) > 10
    run(copy, "pytest", "-q", "-p", "no:cacheprovider", "-m", "not config", f"services/{NAME}", *about)
