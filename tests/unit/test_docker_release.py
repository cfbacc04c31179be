"""The Docker engine runs a release of a part of the frontend to its end, which Compose itself takes for a failure."""

from dataclasses import replace

import pytest

from sandbox.engines import docker
from sandbox.engines.docker import DockerEngine
from sandbox.engines.engine import Component
from sandbox.model import ROOT
from sandbox.model.compose import read_topology
from sandbox.model.errors import StackError

PART = "frontend-payments"
RUNNING = Component(PART, "docker", "0.1.1", "running", "running", "one", None, [])
DONE, FAILED = replace(RUNNING, state="exited", health="done"), replace(RUNNING, state="exited", health="down")


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> DockerEngine:
    """Without Docker: what it is told is in `engine.told`, what it tells of containers in `engine.seen`, in order."""
    made = DockerEngine(read_topology(ROOT, {}), {})
    made.told, made.seen = [], []
    monkeypatch.setattr(docker, "POLL_SECONDS", 0)
    monkeypatch.setattr(made, "compose", lambda *words: made.told.append(words) or "")
    monkeypatch.setattr(made, "components", lambda measure: [made.seen.pop(0)])
    monkeypatch.setattr(made, "_failure", lambda name: StackError(f"{name} failed", "read its lines"))
    return made


def test_release_of_a_part_has_ended_when_its_container_has_done_its_work(engine: DockerEngine) -> None:
    engine.seen += [RUNNING, RUNNING, DONE]
    lines: list[str] = []
    engine.replace(PART, lines.append)
    assert [words[0] for words in engine.told] == ["build", "up"]
    assert {"--no-deps", "--force-recreate", PART} <= set(engine.told[1])
    assert "--wait" not in engine.told[1]
    assert lines == [f"{PART} has done its work"]
    assert engine.seen == []


def test_release_of_a_part_that_ends_badly_fails(engine: DockerEngine) -> None:
    engine.seen += [RUNNING, FAILED]
    with pytest.raises(StackError, match="failed"):
        engine.replace(PART, print)


def test_release_of_a_part_that_never_ends_fails_in_time(engine: DockerEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker, "RUN_ONCE_SECONDS", 0)
    engine.seen += [RUNNING]
    with pytest.raises(StackError, match="failed"):
        engine.replace(PART, print)
