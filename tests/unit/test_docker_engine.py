"""What the Docker engine says to `docker compose`, and how it reads what other versions answer. No Docker is needed."""

import json
import os
import re
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace

import pytest

from sandbox.engines import docker, docker_client, passwords
from sandbox.engines.docker import COMPLETED, DockerEngine, unawaited
from sandbox.model import ROOT
from sandbox.model.compose import Service, Topology, read_topology
from sandbox.model.errors import StackError
from sandbox.model.profiles import PROFILES, left_out

TOPOLOGY = read_topology(ROOT, {})
FRONTENDS = ["frontend-shell", "frontend-account", "frontend-payments"]
# Writes down each call with what it sees of the environment, and answers as `answers` (a file for each word) says.
PROGRAM = """#!/bin/sh
printf '%s\\n' "$*" >> "$FAKE/calls"
env >> "$FAKE/environment"
for word in "$@"; do [ -f "$FAKE/answers/$word" ] && exec sh "$FAKE/answers/$word"; done
exit 0
"""
LOKI = {"Service": "loki", "Name": "x-loki-1", "State": "running", "Health": "healthy", "ExitCode": 0}
TEMPO = {**LOKI, "Service": "tempo", "Name": "x-tempo-1", "Health": "starting"}


class Fake:
    """A docker command of ours, first on the PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def answer(self, word: str, text: str, status: int = 0) -> None:
        """What every call with this word prints."""
        script = f"cat <<'END'\n{text}\nEND\nexit {status}\n"
        (self.folder / "answers" / word).write_text(script, encoding="utf-8")

    @property
    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text(encoding="utf-8").splitlines()

    def compose(self, word: str) -> list[str]:
        """The calls of `docker compose <word>`, from that word on."""
        return [call[call.index(f" {word}") + 1 :] for call in self.calls if f" {word}" in call and "compose" in call]

    @property
    def environment(self) -> str:
        return (self.folder / "environment").read_text(encoding="utf-8")


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    made = Fake(tmp_path / "fake")
    (made.folder / "answers").mkdir(parents=True)
    program = made.folder / "docker"
    program.write_text(PROGRAM, encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("FAKE", str(made.folder))
    monkeypatch.setenv("PATH", f"{made.folder}:{os.environ['PATH']}")
    made.answer("version", "1.41")
    return made


@pytest.fixture
def small(tmp_path: Path) -> Topology:
    """The services of this checkout, in a folder of its own."""
    return Topology(tmp_path, TOPOLOGY.project, TOPOLOGY.services, TOPOLOGY.volumes, TOPOLOGY.variables)


@pytest.fixture
def ready(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """A machine on which `up` finds nothing in its way, and whose one-shot containers have ended well."""
    monkeypatch.setattr(docker, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(docker, "check_ports", lambda services: list(services))
    monkeypatch.setattr(passwords, "accepted", lambda topology: True)
    ended = [{**LOKI, "Service": name, "Name": name, "State": "exited", "Health": ""} for name in FRONTENDS]
    fake.answer("ps", json.dumps(ended))
    return fake


def selections() -> dict[str, dict[str, Service]]:
    """Every profile less nothing, one and two of its parts, as far as these can be left out."""
    found = {}
    for profile in ("full", *PROFILES):
        fixed = left_out(profile, TOPOLOGY.services)
        parts = [name for name in TOPOLOGY.services if name not in fixed]
        for without in (set(), *({one} for one in parts), *(set(pair) for pair in combinations(parts, 2))):
            for profiles in (set(), {"gameday"}):
                try:
                    found[f"{profile} {sorted(profiles)} without {sorted(without)}"] = TOPOLOGY.selected(
                        profiles, fixed | without
                    )
                except StackError:
                    # Another part needs it; that is refused before.
                    continue
    return found


def test_whatever_is_left_out_compose_waits_for_no_end_that_it_would_take_for_a_failure() -> None:
    chosen = selections()
    assert len(chosen) > 200
    for name, services in chosen.items():
        alone = unawaited(services)
        rest = {one: service for one, service in services.items() if one not in alone}
        for one, service in rest.items():
            awaited = any(other.depends_on.get(one) == COMPLETED for other in rest.values())
            assert awaited or not service.runs_once, f"{name}: compose would wait for {one}"
            assert not {c for d, c in service.depends_on.items() if d in alone} - {"service_started"}, f"{name}: {one}"
        # Each comes after what it waits for itself.
        for place, one in enumerate(alone):
            assert services[one].runs_once
            assert not set(services[one].depends_on) & set(alone[place:]), name


def test_the_whole_stack_is_started_in_one_go(ready: Fake, small: Topology) -> None:
    services = TOPOLOGY.selected()
    DockerEngine(small, services).up(lambda _: None)

    [up] = ready.compose("up")
    assert up.split() == ["up", "--detach", "--build", "--wait", "--remove-orphans", *services]


def test_without_the_relay_the_frontends_run_to_their_end_after_the_rest(ready: Fake, small: Topology) -> None:
    services = TOPOLOGY.selected(without={"relay"})
    lines: list[str] = []
    DockerEngine(small, services).up(lines.append)

    first, *others = ready.compose("up")
    rest = [name for name in services if name not in FRONTENDS]
    assert first.split() == ["up", "--detach", "--build", "--wait", "--remove-orphans", "--no-deps", *rest]
    assert [call.split()[-1] for call in others] == FRONTENDS
    assert not [call for call in others if "--wait" in call]
    assert [line for line in lines if "done its work" in line] == [f"{name} has done its work" for name in FRONTENDS]


def test_project_and_file_are_stated_and_another_projects_variables_are_not_handed_on(
    fake: Fake, small: Topology, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = {"COMPOSE_PROJECT_NAME": "shop", "COMPOSE_FILE": "shop.yml", "COMPOSE_PROFILES": "shop"}
    for name, value in {**elsewhere, "SENTRY_AUTH_TOKEN": "shop", "OTEL_EXPORTER_OTLP_ENDPOINT": "shop"}.items():
        monkeypatch.setenv(name, value)
    engine = DockerEngine(small, TOPOLOGY.selected())
    engine.down(lambda _: None)
    engine.clean(lambda _: None)

    composed = [call for call in fake.calls if call.startswith("compose ")]
    project = "--project-name observability-sandbox --project-directory ."
    start = f"compose {project} --file docker-compose.yml --profile gameday "
    assert [call.removeprefix(start).split()[0] for call in composed] == ["ps", "down", "down"]
    assert all(call.startswith(start) for call in composed)
    assert [call for call in composed if "--volumes" in call] == [f"{start}down --remove-orphans --volumes"]
    assert "label=com.docker.compose.project=observability-sandbox" in " ".join(fake.calls)


def test_what_compose_sees_of_the_environment_is_what_was_read_here(
    fake: Fake, small: Topology, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENTRY_AUTH_TOKEN", "of-a-shell")
    monkeypatch.setenv("NO_GRAFANA", "of-a-shell")
    DockerEngine(small, TOPOLOGY.selected()).compose("config")
    assert "of-a-shell" not in fake.environment
    assert "NO_GRAFANA=" not in fake.environment

    DockerEngine(small, TOPOLOGY.selected(without={"grafana"})).compose("config")
    assert "NO_GRAFANA=(this stack has no Grafana) " in fake.environment


@pytest.mark.parametrize(
    "listed",
    [json.dumps([LOKI, TEMPO]), f"{json.dumps(LOKI)}\n{json.dumps(TEMPO)}", json.dumps([LOKI, TEMPO], indent=2)],
    ids=["array", "lines", "indented"],
)
def test_containers_are_read_however_compose_lists_them(listed: str, fake: Fake, small: Topology) -> None:
    fake.answer("ps", listed)
    fake.answer("stats", "x-loki-1 -- / --\nx-tempo-1 12.5MB / 8.2GB")

    parts = DockerEngine(small, TOPOLOGY.services).components()

    assert [(part.name, part.health, part.memory) for part in parts] == [
        ("loki", "healthy", None),
        ("tempo", "starting", 12_500_000),
    ]


@pytest.mark.parametrize("listed", ["", "[]"])
def test_no_container_is_no_component(listed: str, fake: Fake, small: Topology) -> None:
    fake.answer("ps", listed)
    assert DockerEngine(small, TOPOLOGY.services).components() == []


def test_a_list_that_is_not_json_is_reported_with_the_required_version(fake: Fake, small: Topology) -> None:
    fake.answer("ps", "CONTAINER ID  IMAGE\n0123  loki")
    with pytest.raises(StackError, match="did not answer in JSON") as caught:
        DockerEngine(small, TOPOLOGY.services).components()
    assert "Docker Compose 2.21 or newer is needed" in caught.value.next_step


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("57.3MiB", int(57.3 * 2**20)),
        ("1.5GiB", 1_610_612_736),
        ("0B", 0),
        ("1.2kB", 1200),
        ("57.3MB", 57_300_000),
        ("2TiB", 2 * 2**40),
        ("--", None),
        ("", None),
        ("N/A", None),
        ("1.2.3MiB", None),
    ],
)
def test_memory_is_a_number_or_unknown(text: str, size: int | None) -> None:
    assert docker_client._bytes(text) == size


@pytest.mark.parametrize(
    ("api", "compose", "why"),
    [
        ("1.50", "2.40.3", None),
        ("1.41", "v2.21.0", None),
        ("1.44", "5.0.0", None),
        ("1.44", "2.24.6-desktop.1", None),
        ("1.44", "dev", None),
        ("1.40", "2.40.3", r"Docker Engine 20\.10 or newer is needed \(this one has API 1\.40\)"),
        ("1.44", "2.20.3", r"Docker Compose 2\.21 or newer is needed \(this is 2\.20\.3\)"),
        ("1.44", "1.29.2", r"Docker Compose 2\.21 or newer is needed \(this is 1\.29\.2\)"),
        ("1.41", "podman-compose version 1.0.6", r"Docker Compose 2\.21 or newer is needed"),
    ],
)
def test_a_program_that_is_too_old_is_reported_before_anything_runs(
    api: str, compose: str, why: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(command: list[str], **_: object) -> SimpleNamespace:
        return SimpleNamespace(returncode=0, stdout=f"{compose if 'compose' in command else api}\n")

    monkeypatch.setattr(docker_client, "run", run)
    monkeypatch.setattr(docker_client.shutil, "which", lambda _: "/usr/bin/docker")
    told = docker.unavailable()
    assert told is None if why is None else re.match(why, told)


@pytest.mark.parametrize(("api", "faster"), [("1.43", False), ("1.44", True), ("1.50", True)])
def test_health_is_checked_each_second_while_a_container_starts_and_rarely_later_where_the_engine_can(
    api: str, faster: bool, ready: Fake, small: Topology
) -> None:
    ready.answer("version", api)
    DockerEngine(small, TOPOLOGY.selected()).up(lambda _: None)

    path = small.root / docker.START_INTERVAL
    assert path.exists() is faster
    assert all((f"--file {docker.START_INTERVAL}" in call) is faster for call in ready.calls if " up " in call)
    if faster:
        checked = {name for name, service in TOPOLOGY.services.items() if service.healthcheck}
        stated = json.loads(path.read_text(encoding="utf-8"))["services"]
        assert stated == {name: {"healthcheck": {"start_interval": "1s", "interval": "20s"}} for name in checked}


def test_an_older_engine_forgets_what_a_newer_one_was_told(ready: Fake, small: Topology) -> None:
    path = small.root / docker.START_INTERVAL
    path.parent.mkdir()
    path.write_text("{}")
    DockerEngine(small, TOPOLOGY.selected()).up(lambda _: None)
    assert not path.exists()


def test_a_refused_password_ends_the_start_at_once(
    ready: Fake, small: Topology, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise two services are restarted for three minutes until Compose gives up."""
    (ready.folder / "answers" / "up").write_text("exec sleep 60\n")
    asked: list[bool] = []

    def accepted(_: Topology) -> bool:
        asked.append(True)
        if len(asked) > 3:
            raise StackError("PostgreSQL refuses AUTH_DATABASE_PASSWORD", "put it back")
        return False

    monkeypatch.setattr(passwords, "accepted", accepted)
    with pytest.raises(StackError, match="refuses AUTH_DATABASE_PASSWORD"):
        DockerEngine(small, TOPOLOGY.selected()).up(lambda _: None)
    assert ready.compose("stop") == ["stop"]


def test_passwords_are_not_asked_for_where_no_database_runs(
    ready: Fake, small: Topology, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "accepted", lambda _: pytest.fail("there is no database"))
    services = TOPOLOGY.selected(without=left_out("minimal", TOPOLOGY.services))
    DockerEngine(small, services).up(lambda _: None)
    assert len(ready.compose("up")) == 1
