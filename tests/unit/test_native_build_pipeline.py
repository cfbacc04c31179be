"""A whole build: what it announces and remembers, and how it ends when one program cannot be made."""

import io
import json
import time
from pathlib import Path

import pytest
from rich.console import Console

from sandbox.engines.native.build import cache, goprograms, pipeline
from sandbox.engines.native.build.goprograms import GoBuild
from sandbox.engines.native.build.toolchain import Go
from sandbox.engines.native.images import Program
from sandbox.model.errors import StackError

# Plays the toolchain: a program named `broken` does not compile, one named `slow` takes a minute.
COMPILER = """#!/bin/sh
[ "$1" = list ] && { echo fmt; exit; }
while [ "$1" != -o ]; do shift; done
case $PWD in
    */broken) echo "undefined: nonsense"; exit 1 ;;
    */slow) exec sleep 60 ;;
esac
echo program >"$2/$(basename "$3")"
"""


@pytest.fixture
def console(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Console:
    monkeypatch.setenv("SANDBOX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(goprograms, "FOLDER", tmp_path)
    monkeypatch.setattr(cache, "require_space", lambda needs: None)
    (tmp_path / "go").write_text(COMPILER)
    (tmp_path / "go").chmod(0o755)
    return Console(file=io.StringIO(), width=100)


@pytest.fixture
def build(tmp_path: Path):
    def make(name: str, seconds: int = 5) -> GoBuild:
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "go.mod").write_text(f"module {name}\n\ngo 1.26.0\n")
        program = Program(name, name, "v1", {name: f"example.invalid/cmd/{name}"}, seconds)
        return GoBuild(program, Go(tmp_path / "go", "1.26.8", tmp_path / "modules", tmp_path / "objects"))

    return make


def said(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_everything_asked_for_is_made_and_its_cost_remembered(console: Console, build) -> None:
    builds = [build("one"), build("two", seconds=120)]
    pipeline.run(builds, [], console)
    assert all(b.binary(b.program.name).exists() for b in builds)
    report = json.loads((cache.directory() / "last-build.json").read_text())
    # The longest is begun first.
    assert [row["name"] for row in report["rows"]] == ["two", "one"]
    assert [line for line in said(console).splitlines() if line.startswith("  one: ")] == [
        *("  one: downloading", "  one: compiling", "  one: made in 0 s")
    ]


def test_the_announcement_says_what_how_long_and_where(console: Console, build, tmp_path: Path) -> None:
    pipeline.run([build("one", seconds=60), build("two", seconds=120)], [], console)
    opening = said(console).partition("\n")[0]
    assert "one, two. About 3 min" in opening
    assert str(tmp_path / "cache") in opening
    assert str(tmp_path / "objects") in opening


def test_one_broken_program_ends_the_build_at_once_and_keeps_what_is_finished(console: Console, build) -> None:
    good, slow, broken = build("good", seconds=300), build("slow", seconds=200), build("broken", seconds=100)
    begun = time.monotonic()
    with pytest.raises(StackError) as failure:
        pipeline.run([good, slow, broken], [], console)
    assert time.monotonic() - begun < 30
    assert "broken failed" in failure.value.problem
    assert "undefined: nonsense" in failure.value.details
    assert good.built
    assert not slow.built
    assert not broken.built


def test_what_a_killed_build_left_behind_is_swept_away(console: Console, build) -> None:
    leftover = cache.directory() / "programs" / ".loki-abc123" / "out"
    leftover.mkdir(parents=True)
    pipeline.run([build("one")], [], console)
    assert not leftover.parent.exists()


def test_nothing_to_make_says_and_does_nothing(console: Console) -> None:
    pipeline.run([], [], console)
    assert said(console) == ""
    assert not (cache.directory() / "last-build.json").exists()


def test_a_full_disk_is_noticed_before_the_first_download(
    console: Console, build, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(needs: list[tuple[Path, float]]) -> None:
        raise StackError(f"not enough disk: {sum(gib for _, gib in needs):.0f} GiB", "Free some.")

    monkeypatch.setattr(cache, "require_space", refuse)
    with pytest.raises(StackError, match="not enough disk: 11 GiB"):
        pipeline.run([build("everything", seconds=pipeline.SECONDS_OF_ALL)], [], console)
