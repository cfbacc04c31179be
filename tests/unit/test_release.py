"""Releases and the way back, as far as no stack is needed: the code of a release, and the record of what runs."""

import re
import shutil
from pathlib import Path

import pytest

from sandbox.model import ROOT
from sandbox.model.compose import read_topology
from sandbox.model.errors import StackError
from sandbox.release import commands, record, source
from sandbox.release.record import Release
from tests.support.checklist import nothing_is_wrong_with

# What npm installed is large.
WITHOUT = shutil.ignore_patterns("__pycache__", "tests", "node_modules")
PATCHES = sorted((ROOT / source.PATCHES).glob("*.patch"))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what a release is made from."""
    shutil.copytree(ROOT / "services", tmp_path / "services", ignore=WITHOUT)
    (tmp_path / "services" / "frontend" / "node_modules").mkdir()
    shutil.copytree(ROOT / source.PATCHES, tmp_path / source.PATCHES)
    for name in ("docker-compose.yml", ".env"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


@nothing_is_wrong_with({patch.stem: patch for patch in PATCHES})
def test_every_bad_release_can_be_made_from_the_code_as_it_is(patch: Path, checkout: Path) -> dict[str, object]:
    service, _, version = patch.stem.rpartition("-")
    folder = checkout / source.prepare(checkout, service, version)
    made = folder.parent if folder.name == "frontend" else folder
    changed = [line.removeprefix("+++ b/services/") for line in patch.read_text().splitlines() if line[:4] == "+++ "]
    for name in changed:
        if name.endswith(".py"):
            compile((made / name).read_text(), name, "exec")
    before = {name: checkout / "services" / name for name in changed}
    same = [name for name, old in before.items() if old.exists() and old.read_text() == (made / name).read_text()]
    return {"changes nothing": not changed or same}


def test_every_bad_release_is_described_where_it_is_kept() -> None:
    described = re.findall(
        r"^\| `([a-z-]+-[\d.]+)` \|", (ROOT / source.PATCHES / "README.md").read_text(), re.MULTILINE
    )

    assert sorted(described) == [patch.stem for patch in PATCHES]


def test_version_without_a_patch_is_the_code_of_the_checkout(checkout: Path) -> None:
    folder = checkout / source.prepare(checkout, "payments", "9.9.9")

    assert (folder / "payments/routes.py").read_text() == (checkout / "services/payments/routes.py").read_text()


def test_patch_that_no_longer_fits_is_named(checkout: Path) -> None:
    (checkout / "services/auth/keys.py").write_text("# all new\n")

    with pytest.raises(StackError, match=r"auth-0\.2\.0\.patch does not fit"):
        source.prepare(checkout, "auth", "0.2.0")


def test_what_is_released_last_fills_in_the_topology(checkout: Path) -> None:
    place = source.prepare(checkout, "payments", "9.9.9")
    record.write(checkout, {"payments": [Release("9.9.8", "elsewhere", "then"), Release("9.9.9", place, "now")]})

    service = read_topology(checkout, {}).services["payments"]

    assert service.version == "9.9.9"
    assert service.environment["SERVICE_VERSION"] == "9.9.9"
    assert service.build.context == checkout / place
    assert service.build.args["VERSION"] == "9.9.9"


def test_release_of_one_service_changes_the_code_of_no_other(checkout: Path) -> None:
    before = read_topology(checkout, {}).services
    record.write(checkout, {"gateway": [Release("9.9.9", "elsewhere", "now")]})

    after = read_topology(checkout, {}).services

    assert [name for name in after if after[name].build != before[name].build] == ["gateway"]


def test_part_of_the_frontend_is_released_with_its_own_code_and_touches_no_other_service(checkout: Path) -> None:
    before = read_topology(checkout, {}).services
    place = source.prepare(checkout, "frontend-payments", "0.1.1")
    record.write(checkout, {"frontend-payments": [Release("0.1.1", place, "now")]})

    after = read_topology(checkout, {}).services

    assert [name for name in after if after[name].raw != before[name].raw] == ["frontend-payments"]
    assert after["frontend-payments"].build.context == checkout / place
    assert (checkout / place / "package-lock.json").exists()
    assert not (checkout / place / "node_modules").exists()
    assert not (checkout / place).parent.joinpath("payments").exists()


def test_without_a_release_the_versions_of_env_run(checkout: Path) -> None:
    record.write(checkout, {"payments": [Release("9.9.9", "elsewhere", "now")]})
    record.write(checkout, {"payments": []})

    service = read_topology(checkout, {}).services["payments"]

    assert service.version == read_topology(ROOT, {}).variables.get("AUTH_VERSION")
    assert service.build.context == checkout / "services"
    assert record.read(checkout) == {}


@pytest.mark.parametrize(
    ("service", "version", "problem"),
    [
        ("paymnets", "1.0.0", "no service 'paymnets'"),
        ("postgres", "1.0.0", "no service 'postgres'"),
        ("payments", "0.1.0", "runs already"),
        ("payments", "a b", "cannot be a version"),
    ],
)
def test_release_that_cannot_be_is_refused_with_the_next_step(
    checkout: Path, service: str, version: str, problem: str
) -> None:
    with pytest.raises(StackError, match=problem) as refused:
        commands.release(checkout, service, version, print)

    assert refused.value.next_step


def test_rollback_without_a_release_says_that_there_is_none_before(checkout: Path) -> None:
    with pytest.raises(StackError, match="none before it"):
        commands.rollback(checkout, "payments", print)


def test_version_in_the_shell_that_would_win_over_a_release_is_refused(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAYMENTS_VERSION", "7.7.7")

    with pytest.raises(StackError, match="would win"):
        commands.release(checkout, "payments", "9.9.9", print)
