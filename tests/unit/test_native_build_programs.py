"""Go programs in the cache: their place follows what they are made from, and only finished ones are ever there.

A shell script plays the toolchain here: what is under test is what happens around the compiler.
"""

import dataclasses
import json
from pathlib import Path

import pytest

from sandbox.engines.native.build import goprograms, toolchain
from sandbox.engines.native.build.commands import Runner
from sandbox.engines.native.build.goprograms import GoBuild
from sandbox.engines.native.build.toolchain import Go
from sandbox.engines.native.images import Program
from sandbox.model.errors import StackError

PROGRAM = Program("demo", "example.invalid/demo", "v1.0.0", {"demo-cli": "example.invalid/demo/cmd/cli"}, 5, ("netgo",))
COMPILER = """#!/bin/sh
case $1 in
    list) printf 'go: downloading example.invalid/demo v1.0.0\\nfmt\\nexample.invalid/demo/cmd/cli\\n' ;;
    build) while [ "$1" != -o ]; do shift; done; echo program >"$2/cli"; echo example.invalid/demo/cmd/cli >&2 ;;
    env) printf 'go1.26.8\\n/modules\\n/objects\\n' ;;
esac
"""


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GoBuild:
    monkeypatch.setenv("SANDBOX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(goprograms, "FOLDER", tmp_path)
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "go.mod").write_text("module demo\n\ngo 1.26.5\n")
    (tmp_path / "demo" / "go.sum").write_text("example.invalid/demo v1.0.0 h1:abc\n")
    (tmp_path / "go").write_text(COMPILER)
    (tmp_path / "go").chmod(0o755)
    return GoBuild(PROGRAM, Go(tmp_path / "go", "1.26.8", Path("/modules"), Path("/objects")))


def test_what_a_program_is_made_from_decides_its_place(build: GoBuild) -> None:
    places = {build.location}
    for change in ({"version": "v1.0.1"}, {"tags": ()}, {"seconds": 9}):
        places.add(dataclasses.replace(build, program=dataclasses.replace(PROGRAM, **change)).location)
    assert len(places) == 2, "build tags count; the version is go.mod's to say, and the expected time says nothing"
    places.add(dataclasses.replace(build, go=dataclasses.replace(build.go, version="1.26.9")).location)
    (build.folder / "go.sum").write_text("example.invalid/demo v1.0.0 h1:def\n")
    places.add(build.location)
    assert len(places) == 4


def test_a_finished_program_is_published_under_its_own_name(build: GoBuild, tmp_path: Path) -> None:
    said, runner = [], Runner(tmp_path / "logs")
    build.fetch(runner, said.append)
    made = build.make(runner, said.append)
    assert build.built
    assert build.binary("demo-cli").read_text() == "program\n"
    assert (made.name, said) == ("demo", ["downloading", "compiling"])
    assert json.loads((build.location / "build.json").read_text())["go"] == "1.26.8"


@pytest.mark.parametrize("last_words", ["exit 1", "kill -9 $$", "exit 0"])
def test_a_build_that_ends_early_publishes_nothing(build: GoBuild, tmp_path: Path, last_words: str) -> None:
    (tmp_path / "go").write_text(COMPILER.replace('echo program >"$2/cli"', last_words))
    with pytest.raises((StackError, FileNotFoundError)):
        build.make(Runner(tmp_path / "logs"), print)
    assert not build.built
    assert list(build.location.parent.iterdir()) == []


def test_the_newest_go_that_any_program_asks_for_is_required() -> None:
    assert toolchain.required(["prometheus"]) == "1.26.0"
    assert toolchain.required(["prometheus", "loki", "mailpit"]) == "1.26.5"


def no_packaged_go() -> Path:
    raise StackError("a download failed", "check the network")


def test_this_machines_go_is_used_when_it_is_new_enough(
    build: GoBuild, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert toolchain.find("1.26.5", no_packaged_go) == build.go


def test_an_old_go_gives_way_to_the_packaged_one(
    build: GoBuild, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    packaged = tmp_path / "venv" / "bin" / "go"
    packaged.parent.mkdir(parents=True)
    packaged.write_text(COMPILER.replace("1.26.8", "1.27.3"))
    packaged.chmod(0o755)
    assert toolchain.find("1.27", lambda: tmp_path / "venv").executable == packaged


def test_no_go_at_all_is_one_clear_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StackError) as refusal:
        toolchain.find("1.26.5", no_packaged_go)
    assert refusal.value.problem.startswith("Go 1.26.5 or newer is needed; this machine has none")
    assert "Install it" in refusal.value.next_step
