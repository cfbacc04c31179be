"""Python environments of the native engine: made from a lock alone, never taken for finished before they are."""

import subprocess
from pathlib import Path

import pytest

from sandbox.engines.native.build import prepare, python_environment, venvs
from sandbox.model.errors import StackError


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SANDBOX_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "tool.lock"
    file.write_text("# nothing is needed\n")
    return file


def test_an_environment_runs_python_and_nothing_of_the_tools(lock: Path) -> None:
    environment = python_environment(lock)
    script = "import importlib.util as u, sys; print(sys.prefix, u.find_spec('rich'), u.find_spec('pip'))"
    answer = subprocess.run([environment / "bin" / "python", "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == [str(environment), "None", "None"]
    assert venvs.built(lock)


def test_a_finished_environment_is_found_and_not_made_again(lock: Path, capfd: pytest.CaptureFixture[str]) -> None:
    first = python_environment(lock)
    capfd.readouterr()
    assert prepare(locks=[lock]).environments == {lock: first}
    assert capfd.readouterr().err == ""


def test_a_half_made_environment_is_made_anew(lock: Path) -> None:
    half = venvs.location(lock)
    (half / "bin").mkdir(parents=True)
    (half / "bin" / "python").write_text("broken")
    assert not venvs.built(lock)
    assert subprocess.run([python_environment(lock) / "bin" / "python", "-c", ""], check=True).returncode == 0


def test_a_changed_lock_is_another_environment(lock: Path) -> None:
    before = venvs.location(lock)
    lock.write_text("# something else\n")
    assert venvs.location(lock) != before


def test_a_package_without_a_hash_is_refused(lock: Path) -> None:
    lock.write_text("rich==14.0.0\n")
    with pytest.raises(StackError) as refusal:
        python_environment(lock)
    assert not venvs.built(lock)
    assert "python-tool failed" in refusal.value.problem


def test_a_missing_lock_is_named_with_how_to_make_it(lock: Path) -> None:
    lock.unlink()
    with pytest.raises(StackError, match=r"there is no lock file .*tool\.lock"):
        python_environment(lock)


def test_a_program_that_the_environment_lacks_is_named(lock: Path) -> None:
    with pytest.raises(StackError, match="has no bin/gunicorn"):
        venvs.lookup(python_environment(lock), "bin/gunicorn")
