"""The Docker engine of the run: found, started or told why not, and never left behind."""

import os
import shutil
from pathlib import Path

import psutil
import pytest

from tests.ci import engine

REFUSES = "#!/bin/sh\nexit 1\n"
# A folder of the tests is all of PATH later.
SLEEP = shutil.which("sleep")


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH; sockets and client configuration go to a temporary folder."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(engine.tempfile, "mkdtemp", lambda **_: str(_made(tmp_path / "engine")))
    return folder


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def test_an_engine_that_answers_is_used_and_runs_on_after_the_run(programs: Path, tmp_path: Path) -> None:
    told = tmp_path / "told"
    _program(programs / "docker", f'#!/bin/sh\necho "$*" >> {told}\n')

    found = engine.start(tmp_path / "data", tmp_path / "log", tmp_path / "docker-compose")

    assert found.process is None
    assert "DOCKER_HOST" not in found.environment
    assert told.read_text().split() == ["version"], "nothing of an engine that is not the run's own is removed"
    assert os.readlink(tmp_path / "engine/client/cli-plugins/docker-compose") == str(tmp_path / "docker-compose")
    found.stop()
    assert not (tmp_path / "engine").exists()


def test_an_engine_that_cannot_start_is_reported_with_its_own_output_and_leaves_nothing(
    programs: Path, tmp_path: Path
) -> None:
    _program(programs / "docker", REFUSES)
    _program(programs / "dockerd", "#!/bin/sh\necho no cgroups mounted here\nexit 1\n")

    with pytest.raises(engine.EngineUnavailable, match="no cgroups mounted here"):
        engine.start(tmp_path / "data", tmp_path / "log", tmp_path / "docker-compose")

    assert not (tmp_path / "engine").exists()


def test_an_engine_of_the_runs_own_is_emptied_of_what_an_earlier_run_left(programs: Path, tmp_path: Path) -> None:
    told, up = tmp_path / "told", tmp_path / "up"
    _program(
        programs / "docker",
        f"""#!/bin/sh
[ -e {up} ] || exit 1
echo "$*" >> {told}
[ "$1" != ps ] || echo "one\ntwo"
[ "$1 $2" != "volume ls" ] || echo data
""",
    )
    _program(programs / "dockerd", f"#!/bin/sh\n: > {up}\nexec {SLEEP} 60\n")

    found = engine.start(tmp_path / "data", tmp_path / "log", tmp_path / "docker-compose")
    asked = told.read_text().splitlines()
    found.stop()

    assert asked == [
        "version",
        "ps --all --quiet",
        "rm --force one two",
        "volume ls --quiet",
        "volume rm --force data",
        "network prune --force",
    ]


def test_an_earlier_runs_stack_that_cannot_be_removed_is_reported_and_the_engine_is_ended(
    programs: Path, tmp_path: Path
) -> None:
    up = tmp_path / "up"
    _program(
        programs / "docker",
        f"""#!/bin/sh
[ -e {up} ] || exit 1
[ "$1" != ps ] || echo one
[ "$1" != rm ] || {{ echo "device is busy" >&2; exit 1; }}
""",
    )
    _program(programs / "dockerd", f"#!/bin/sh\necho $$ > {up}\nexec {SLEEP} 60\n")

    with pytest.raises(RuntimeError, match=r"docker rm --force failed.*device is busy"):
        engine.start(tmp_path / "data", tmp_path / "log", tmp_path / "docker-compose")

    assert not psutil.pid_exists(int(up.read_text()))


def test_a_machine_without_any_engine_is_reported(programs: Path, tmp_path: Path) -> None:
    with pytest.raises(engine.EngineUnavailable, match="dockerd is not installed"):
        engine.start(tmp_path / "data", tmp_path / "log", tmp_path / "docker-compose")


def test_nothing_is_installed_where_everything_is_there(programs: Path) -> None:
    for name in ("dockerd", "iptables", "debootstrap"):
        _program(programs / name, REFUSES)

    assert engine.ensure_packages() == []


def test_a_machine_without_apt_is_asked_for_the_missing_packages_by_name(programs: Path) -> None:
    _program(programs / "iptables", REFUSES)

    with pytest.raises(engine.EngineUnavailable, match=r"docker\.io, debootstrap missing"):
        engine.ensure_packages()
