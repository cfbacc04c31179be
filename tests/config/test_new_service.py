"""`make new-service` writes what passes as it is, and names it in few places."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.model import ROOT
from sandbox.scaffold.entries import FILES
from tests.support.newservice import checkout_with

# Not a word of English, so that only the new service is found by it.
NAME = "qorders"
# A test that reads what lists services: the catalog, the topology, the pins, the scrape targets.
READS_ENTRIES = re.compile(r"catalog\(|catalog\.yml|read_topology|docker-compose\.yml|\.env\b|prometheus\.yml")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkout_with(NAME, tmp_path_factory.mktemp("new-service"))


# One request in the new service's process, and what would have left it.
REQUEST = f"""
import json
from fastapi.testclient import TestClient
from sandbox_telemetry import capture
from {NAME}.app import app
with capture() as seen, TestClient(app) as client:
    client.get("/hello/Ada")
[line] = [line for line in seen.log_lines if line["logger"] == "{NAME}.app"]
[span] = [span for span in seen.spans if span.name == "GET /hello/{{who}}"]
counted = {{name: number for (name, _), number in seen.samples.items() if name.startswith("{NAME}_")}}
open("said.json", "w").write(json.dumps([counted, line, dict(span.attributes)]))
"""


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
    suites = [
        *(copy / "tests" / "unit").glob("test_*.py"),
        *(copy / "services" / "sandbox_telemetry").rglob("test_*.py"),
    ]
    others = [path for path in suites if path.name != Path(__file__).name]
    about = [str(path) for path in others if READS_ENTRIES.search(path.read_text(encoding="utf-8"))]
    assert len(about) > 10
    run(copy, "pytest", "-q", "-p", "no:cacheprovider", "-m", "not config", f"services/{NAME}", *about)


def said(copy: Path, folder: Path, *changes: tuple[str, str]) -> tuple[dict, dict, dict]:
    """Samples, line and attributes of a request, with these changes of the module that declares."""
    shutil.copytree(copy / "services", folder, ignore=shutil.ignore_patterns("node_modules"))
    signals = folder / NAME / "signals.py"
    text = signals.read_text(encoding="utf-8")
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    signals.write_text(text, encoding="utf-8")
    environment = {"PYTHONPATH": str(folder), "PATH": os.environ["PATH"], "OTEL_TRACES_EXPORTER": "none"}
    done = subprocess.run(
        [sys.executable, "-c", REQUEST], cwd=folder, env=environment, check=False, capture_output=True, timeout=120
    )
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    return tuple(json.loads((folder / "said.json").read_text(encoding="utf-8")))


def test_new_service_tells_of_itself_without_a_change_to_the_package(copy: Path, tmp_path: Path) -> None:
    counted, line, attributes = said(copy, tmp_path / "services")
    assert counted == {f"{NAME}_greetings_total": 1}
    assert (line["event"], line["letters"], attributes["greeting.letters"]) == (f"{NAME}.greeted", 3, 3)
    ours, theirs = (root / "services" / "sandbox_telemetry" for root in (ROOT, copy))
    changed = [one for one in theirs.rglob("*.py") if one.read_text() != (ours / one.relative_to(theirs)).read_text()]
    assert changed == []


def test_what_the_new_service_does_not_declare_stays_inside(copy: Path, tmp_path: Path) -> None:
    nothing = [
        (", registry=REGISTRY)", ", registry=CollectorRegistry())"),
        ("import Counter", "import CollectorRegistry, Counter"),
        (f'Event("{NAME}.greeted", "somebody was greeted")', '"somebody was greeted"'),
        ("declare(\n", "dict(\n"),
    ]
    counted, line, attributes = said(copy, tmp_path / "services", *nothing)
    assert counted == {}
    assert ("event" in line, line["letters"]) == (False, "[scrubbed]")
    assert "greeting.letters" not in attributes
