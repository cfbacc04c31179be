"""Which engine runs the stack is decided by what this machine has, and told with the reason."""

from pathlib import Path

import pytest

from sandbox.engines import choice, docker, docker_client
from sandbox.engines.engine import Component
from sandbox.engines.lock import exclusive
from sandbox.engines.state import read_state, write_state
from sandbox.model import ROOT
from sandbox.model.compose import Topology, read_topology
from sandbox.model.errors import StackError
from sandbox.model.layout import Layout


@pytest.fixture
def topology() -> Topology:
    return read_topology(ROOT, {})


def chosen(topology: Topology, asked: str = "", current=None) -> tuple[str, str]:
    engine, reason = choice.choose(topology, topology.services, asked, current)
    return engine.name, reason


def test_docker_is_chosen_where_it_answers_and_every_image_can_be_had(topology, monkeypatch):
    monkeypatch.setattr(docker, "unavailable", lambda: None)
    monkeypatch.setattr(docker, "missing_images", lambda services: {})

    assert chosen(topology) == ("docker", "a Docker engine answers and every image can be had")


def test_one_image_that_cannot_be_had_is_the_reason_for_the_native_engine(topology, monkeypatch):
    monkeypatch.setattr(docker, "unavailable", lambda: None)
    monkeypatch.setattr(docker, "missing_images", lambda services: {"grafana/loki:3.7.8": "no such host"})

    assert chosen(topology) == (
        "native",
        "Docker answers, but image grafana/loki:3.7.8 cannot be had (no such host)",
    )


def test_without_docker_the_native_engine_runs_unless_docker_was_asked_for(topology, monkeypatch):
    monkeypatch.setattr(docker, "unavailable", lambda: "there is no docker command")

    assert chosen(topology) == ("native", "there is no docker command")
    with pytest.raises(StackError, match="ENGINE=docker, but there is no docker command") as caught:
        chosen(topology, asked="docker")
    assert "leave ENGINE out" in caught.value.next_step


def test_a_running_stack_stays_with_its_engine_and_a_change_is_refused(topology):
    current = choice.NativeEngine(topology, topology.services)

    assert chosen(topology, current=current) == ("native", "it runs there already")
    with pytest.raises(StackError, match="runs already, with the native engine") as caught:
        chosen(topology, asked="docker", current=current)
    assert "make down" in caught.value.next_step


def test_an_unknown_engine_is_refused_with_those_there_are(topology):
    with pytest.raises(StackError, match="ENGINE is 'podman'") as caught:
        chosen(topology, asked="podman")
    assert "ENGINE=docker, native or kubernetes" in caught.value.next_step


def test_only_what_is_neither_built_nor_local_is_asked_of_a_registry(topology, monkeypatch):
    asked: list[str] = []

    def run(command, timeout=None, **_):
        image = command[-1]
        if command[1] == "manifest":
            asked.append(image)
        return docker.subprocess.CompletedProcess(
            command, 1 if image.startswith("grafana/") else 0, "", "error: denied: no access"
        )

    monkeypatch.setattr(docker_client, "run", run)

    assert docker.missing_images(topology.services) == {"grafana/grafana:13.2.3": "no access"}
    assert asked == ["grafana/grafana:13.2.3"]


@pytest.mark.parametrize(("text", "size"), [("57.5MiB", 60293120), ("1.5GiB", 1610612736), ("12B", 12), ("1KiB", 1024)])
def test_memory_as_docker_writes_it_is_read_in_bytes(text, size):
    assert docker_client._bytes(text) == size


def test_the_moment_of_the_start_is_kept_while_the_engine_runs_on(tmp_path):
    path = tmp_path / ".run" / "state.json"
    part = Component("web", "native", "1", "running", "healthy", "42", None, [])

    first = write_state(path, "native", {"grafana"}, [])
    second = write_state(path, "native", {"grafana"}, [part])

    assert read_state(path) == second
    assert second.started_at == first.started_at
    assert second.components == {"web": {"version": "1", "identity": "42"}}


def test_a_state_file_that_cannot_be_read_is_no_state(tmp_path):
    (tmp_path / "state.json").write_text("{half")

    assert read_state(tmp_path / "state.json") is None
    assert read_state(tmp_path / "none.json") is None


def test_the_lock_names_its_holder_and_is_free_after_an_error(tmp_path):
    with (
        exclusive(tmp_path / "lock", "up"),
        pytest.raises(StackError, match=r"`make up` \(process \d+\) is already running"),
    ):
        exclusive(tmp_path / "lock", "down").__enter__()
    with pytest.raises(ValueError, match="boom"), exclusive(tmp_path / "lock", "up"):
        raise ValueError("boom")
    with exclusive(tmp_path / "lock", "up"):
        assert "make up" in (tmp_path / "lock").read_text()


def test_the_supervisors_socket_has_a_short_path_however_deep_the_checkout(tmp_path):
    shallow, deep = Layout(Path("/srv/sandbox")), Layout(tmp_path / ("deep" * 30))

    assert shallow.socket == Path("/srv/sandbox/.run/supervisor.sock")
    assert len(str(deep.socket)) < 100
    assert deep.socket != Layout(tmp_path / ("peed" * 30)).socket
