"""What running the stack needs, and what only the tests and the stand-in images need."""

from pathlib import Path

import pytest

from sandbox.engines.native import build, images
from sandbox.engines.native.build import pipeline, toolchain
from sandbox.engines.native.build.toolchain import Go

PROMETHEUS = "prom/prometheus:v3.15.0"


@pytest.fixture
def asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the programs that a build would make; nothing is compiled."""
    names: list[str] = []
    monkeypatch.setenv("SANDBOX_CACHE", str(tmp_path))
    monkeypatch.setattr(toolchain, "find", lambda minimum, install: Go(Path("/go"), "1.26.8", tmp_path, tmp_path))
    monkeypatch.setattr(
        pipeline, "run", lambda builds, locks, console, webs: names.extend(b.program.name for b in builds)
    )
    return names


def test_running_the_stack_does_not_wait_for_what_only_tests_use(asked_for: list[str]) -> None:
    programs = build.prepare([PROMETHEUS]).images[PROMETHEUS]
    assert asked_for == ["prometheus"]
    assert "/bin/prometheus" in programs
    assert "/bin/promtool" not in programs


def test_asking_for_an_image_gets_all_its_programs(asked_for: list[str]) -> None:
    programs = build.ensure([PROMETHEUS])[PROMETHEUS]
    assert sorted(asked_for) == ["prometheus", "promtool"]
    assert programs["/bin/promtool"] == programs["promtool"]


def test_an_image_without_a_native_program_asks_for_nothing(asked_for: list[str]) -> None:
    assert build.ensure(["grafana/grafana:13.2.3"]) == {"grafana/grafana:13.2.3": {}}
    assert asked_for == []


def test_tools_are_found_by_the_names_of_their_binaries(asked_for: list[str]) -> None:
    assert set(build.ensure_tools(["toxiproxy"])) == {"toxiproxy", "toxiproxy-cli"}
    assert asked_for == ["toxiproxy"]


def test_only_binaries_that_an_image_has_are_left_for_later() -> None:
    for image in images.load().images.values():
        assert set(image.later) <= set(image.binaries)
