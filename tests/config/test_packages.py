"""The two packages for others install alone, and nothing else of this repository comes with them or is missed."""

import inspect
import re
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from sandbox.model import ROOT

PACKAGES = {"sandbox_telemetry": "services/sandbox_telemetry", "sandbox_testing": "sandbox_testing"}
# The first lines of the package's page, as a program.
README = (ROOT / "services" / "sandbox_telemetry" / "README.md").read_text(encoding="utf-8")
ORDERS = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)[0]
SERVICE = """
from fastapi.testclient import TestClient
from orders import app
from sandbox_telemetry import capture

with capture() as seen, TestClient(app) as client:
    client.post("/orders", params={"items": 3}).raise_for_status()
    page = client.get("/metrics").text
[span] = [one for one in seen.spans if one.name == "POST /orders"]
lines = {line["event"]: line for line in seen.log_lines if "event" in line}
assert lines["order.placed"]["items"] == 3
assert {f"{span.context.trace_id:032x}"} == {lines[name]["traceId"] for name in ("order.placed", "http.access")}
assert seen.sample("orders_total") == 1
assert seen.sample("http_server_request_duration_seconds_count", http_route="/orders") == 1
assert "orders_total 1.0" in page
"""
# All that each package imports when it is used, without a client of the tests' own.
USES = {
    "sandbox_telemetry": """
import sandbox_telemetry
every = [getattr(sandbox_telemetry, name) for name in sandbox_telemetry.__all__]
from sandbox_telemetry import capture, create_app
with capture() as seen:
    app = create_app("orders")
""",
    "sandbox_testing": """
import sandbox_testing.plugin
assert sandbox_testing.Sandbox.from_environment({}).tempo.endswith(":3200")
""",
}
# pytest finds the fixtures by the package's entry point.
SUITE = """
def test_fixtures_are_at_hand(sandbox, new_trace, telemetry_of, errors_of, wait_for_alert, wait_for_mail, no_canaries):
    assert sandbox.tempo == "http://127.0.0.1:13200"
    assert new_trace().headers["traceparent"].startswith("00-")
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both, as `pip install ./<folder>` installs them; what they depend on is in the tools' environment."""
    target, copies = tmp_path_factory.mktemp("installed"), tmp_path_factory.mktemp("sources")
    # Building leaves files beside the source.
    subprocess.run(["cp", "-r", ROOT / "services", ROOT / "sandbox_testing", copies], check=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    folders = [copies / folder for folder in PACKAGES.values()]
    subprocess.run([*pip, "--no-build-isolation", "--no-index", "--target", target, *folders], check=True)
    return target


def run(installed: Path, folder: Path, *arguments: str, **environment: str) -> str:
    everything = {"PYTHONPATH": str(installed), "PATH": "/usr/bin:/bin", "HOME": str(folder), **environment}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=everything,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module", params=PACKAGES)
def declared(request: pytest.FixtureRequest, installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One package beside what it declares and what that declares in turn, as a fresh environment would have them."""
    folder = tmp_path_factory.mktemp("declared")
    project = tomllib.loads((ROOT / PACKAGES[request.param] / "pyproject.toml").read_text())["project"]
    for name in needed(project["dependencies"]):
        for file in distribution(name).files or ():
            link = folder / file
            if not {"..", "__pycache__"} & set(file.parts):
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(distribution(name).locate_file(file))
    for own in installed.iterdir():
        (folder / own.name).symlink_to(own)
    (folder / "use.py").write_text(USES[request.param])
    return folder


def needed(requirements: list[str], extras: frozenset[str] = frozenset()) -> set[str]:
    """The distributions that these requirements bring, directly and through others."""
    found: set[str] = set()
    for text in requirements:
        one = Requirement(text)
        if one.marker and not any(one.marker.evaluate({"extra": extra}) for extra in extras or {""}):
            continue
        found |= {canonicalize_name(one.name)} | needed(distribution(one.name).requires or [], frozenset(one.extras))
    return found


def test_declared_dependencies_are_enough(declared: Path) -> None:
    """What the tools' environment has besides would hide a dependency that is used and not declared."""
    command = [sys.executable, "-S", "-W", "error", str(declared / "use.py")]
    environment = {"PYTHONPATH": str(declared), "OTEL_TRACES_EXPORTER": "none", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_each_package_says_that_it_is_typed(installed: Path) -> None:
    assert all((installed / name / "py.typed").exists() for name in PACKAGES)


def test_nothing_else_is_installed(installed: Path) -> None:
    modules = {path.name for path in installed.iterdir() if path.is_dir() and path.suffix != ".dist-info"}
    assert modules - {"bin"} == {"sandbox_telemetry", "sandbox_testing"}


def test_a_service_of_somebody_else_is_observed_by_one_call(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "orders.py").write_text(ORDERS)
    run(installed, tmp_path, "-c", SERVICE, OTEL_TRACES_EXPORTER="none")


def test_a_suite_of_somebody_else_has_the_fixtures(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "test_orders.py").write_text(SUITE)
    told = run(installed, tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", TEMPO_PORT="13200")
    assert "1 passed" in told


def test_public_functions_of_the_telemetry_package_are_typed_and_documented() -> None:
    import sandbox_telemetry

    for name in sandbox_telemetry.__all__:
        one = getattr(sandbox_telemetry, name)
        assert inspect.getdoc(one), f"sandbox_telemetry.{name} has no docstring"
        if inspect.isfunction(one):
            signature = inspect.signature(one)
            untyped = [p.name for p in signature.parameters.values() if p.annotation is p.empty]
            assert not untyped
            assert signature.return_annotation is not signature.empty


def test_reference_page_of_the_telemetry_package_is_its_public_interface() -> None:
    import sandbox_telemetry

    page = (ROOT / "docs" / "reference" / "telemetry.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| `(\w+)", page, re.MULTILINE)
    assert sorted(documented) == sorted(sandbox_telemetry.__all__)


def test_alerts_of_the_examples_exist() -> None:
    pages = [ROOT / "sandbox_testing" / "README.md", *(ROOT / "docs").rglob("*.md")]
    waited_for = {name for page in pages for name in re.findall(r'wait_for_alert\("(\w+)"', page.read_text())}
    assert waited_for
    assert all((ROOT / "runbooks" / f"{name}.md").exists() for name in waited_for), waited_for
