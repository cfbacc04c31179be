"""Ports and disk are looked at before anything starts."""

import contextlib
import os
import socket
import subprocess
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import NamedTuple

import psutil
import pytest

from sandbox.engines import docker, docker_client
from sandbox.engines.engine import Component
from sandbox.engines.preflight import check_disk, check_line_ends, check_ports, check_readable
from sandbox.model.compose import Mount, Port
from sandbox.model.errors import StackError


@dataclass(frozen=True)
class Wants:
    """As much of a service as the check reads."""

    name: str
    ports: list[Port]
    exposed: list[int] = field(default_factory=list)
    mounts: list[Mount] = field(default_factory=list)
    runs_once: bool = False


def test_a_taken_port_is_named_with_its_holder_and_the_variable_to_change():
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]

        with pytest.raises(StackError) as caught:
            check_ports([Wants("web", [Port("127.0.0.1", port, 80, "WEB_PORT")])])

    told = " ".join(caught.value.details)
    assert f"{port} (web)" in told
    assert f"process {os.getpid()}" in told
    assert "WEB_PORT=" in caught.value.next_step
    assert f"kill {os.getpid()}" in caught.value.next_step


def test_a_listener_that_ends_while_it_is_looked_at_is_passed_over(monkeypatch):
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        [listed] = [one for one in psutil.net_connections("tcp") if one.laddr[1] == port]
        monkeypatch.setattr(psutil, "net_connections", lambda _: [listed._replace(pid=ended.pid)])

        with pytest.raises(StackError, match="1 port is in use"):
            check_ports([Wants("web", [Port("127.0.0.1", port, 80, None)])])


def test_all_ports_in_use_are_reported_at_once():
    with socket.create_server(("127.0.0.1", 0)) as first, socket.create_server(("127.0.0.1", 0)) as second:
        ports = [Port("127.0.0.1", taken.getsockname()[1], 80, None) for taken in (first, second)]

        with pytest.raises(StackError, match="2 ports are in use") as caught:
            check_ports([Wants("web", ports)])

    assert len(caught.value.details) == 2


def test_a_port_taken_on_all_addresses_is_taken_on_loopback_too():
    with socket.create_server(("0.0.0.0", 0)) as holder:
        port = holder.getsockname()[1]

        with pytest.raises(StackError, match="1 port is in use"):
            check_ports([Wants("web", [Port("127.0.0.1", port, 80, None)])])


def test_an_unpublished_port_counts_only_where_there_is_no_network_of_its_own():
    with socket.create_server(("127.0.0.1", 0)) as holder:
        service = Wants("web", [], [holder.getsockname()[1]])

        check_ports([service])
        with pytest.raises(StackError, match="1 port is in use") as caught:
            check_ports([service], exposed=True)

    assert ".env.local" not in caught.value.next_step


def test_a_port_that_was_just_freed_is_free():
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            peer, _ = holder.accept()
            # The side that closes first keeps the address in TIME_WAIT.
            peer.close()
            client.recv(1)

    check_ports([Wants("web", [Port("127.0.0.1", port, 80, None)])])


def test_too_little_disk_is_refused_with_both_figures(tmp_path):
    with pytest.raises(StackError, match=r"GiB free; the stack's data may need 1000000000 GiB"):
        check_disk(tmp_path, needed_gib=1_000_000_000)
    check_disk(tmp_path, needed_gib=0)


class Usage(NamedTuple):
    """As much of shutil's answer as the check reads."""

    free: int


def test_docker_looks_at_the_disk_that_its_engine_keeps_data_on(tmp_path, monkeypatch):
    asked = []

    def answer(command, **_):
        asked.append(command[1])
        return subprocess.CompletedProcess(command, 0, f"{tmp_path}\n", "")

    monkeypatch.setattr(docker_client, "run", answer)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: Usage(1024 if folder == tmp_path else 10**12))

    with pytest.raises(StackError, match=f"{tmp_path} has 0.00 GiB free"):
        docker.DockerEngine(None, {}).up(print)

    assert asked == ["info"]


@pytest.mark.parametrize(("state", "health", "own"), [("running", "starting", True), ("exited", "down", False)])
def test_a_container_that_still_starts_holds_its_own_ports(state, health, own, tmp_path, monkeypatch):
    """As after the machine's own start, when the engine starts again what ran before."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        web = Wants("web", [Port("127.0.0.1", holder.getsockname()[1], 80, None)])
        engine = docker.DockerEngine(SimpleNamespace(root=tmp_path), {"web": web})
        part = Component("web", "docker", "1", state, health, "web-1", None, [])
        monkeypatch.setattr(docker_client, "data_folder", lambda: None)
        monkeypatch.setattr(docker_client, "api_version", lambda: (1, 41))
        monkeypatch.setattr(engine, "components", lambda measure: [part])
        ran = []
        monkeypatch.setattr(engine, "compose", lambda *words: ran.append(words[0]) or "")
        monkeypatch.setattr(engine, "_follow", lambda *words: ran.append(words[0]) or 0)

        with contextlib.nullcontext() if own else pytest.raises(StackError, match="1 port is in use"):
            engine.up(lambda _: None)

    assert ran == (["rm", "up"] if own else [])


def test_docker_with_its_data_on_another_machine_is_not_asked_for_disk(monkeypatch):
    told = subprocess.CompletedProcess([], 0, "/no/such/folder\n", "")
    monkeypatch.setattr(docker_client, "run", lambda command, **_: told)
    assert docker_client.data_folder() is None


@pytest.fixture
def mounted(tmp_path) -> Wants:
    """A service with a folder, a file beside it, and what programs and users leave in the folder."""
    conf = tmp_path / "conf"
    (conf / "deep").mkdir(parents=True)
    (conf / "deep" / "start.sh").write_text("#!/bin/sh\n")
    (conf / "secrets").mkdir(mode=0o700)
    (conf / "secrets" / "token").touch(mode=0o600)
    (conf / "__pycache__").mkdir(mode=0o700)
    (tmp_path / "one.yml").write_text("a: 1\n")
    for path in (conf, conf / "deep"):
        path.chmod(0o755)
    for path in (conf / "deep" / "start.sh", tmp_path / "one.yml"):
        path.chmod(0o644)
    sources = {str(conf): "/etc/web", str(tmp_path / "one.yml"): "/etc/one.yml"}
    binds = [Mount("bind", source, target, True) for source, target in sources.items()]
    return Wants("web", [], mounts=[*binds, Mount("volume", "data", "/data", False)])


def test_files_readable_by_their_owner_only_are_reported_with_the_command_that_opens_them(tmp_path, mounted):
    check_readable(tmp_path, [mounted, mounted])
    for path, mode in ((tmp_path / "conf" / "deep", 0o700), (tmp_path / "one.yml", 0o600)):
        path.chmod(mode)

    with pytest.raises(StackError, match=r"^conf/deep is not readable for others, .* nor 1 more") as caught:
        check_readable(tmp_path, [mounted])

    assert caught.value.next_step == "chmod -R go+rX conf one.yml"


def test_a_folder_that_can_be_read_but_not_entered_is_closed_too(tmp_path, mounted):
    (tmp_path / "conf").chmod(0o744)

    with pytest.raises(StackError, match=r"^conf is not readable for others, so no container can read it\. A umask"):
        check_readable(tmp_path, [mounted])


def test_line_ends_of_windows_are_reported_with_the_files_and_the_fix(tmp_path, mounted):
    check_line_ends(tmp_path, [mounted])
    (tmp_path / "conf" / "deep" / "start.sh").write_bytes(b"#!/bin/sh\r\necho\r\n")

    with pytest.raises(StackError, match=r"^conf/deep/start.sh has the line ends of Windows;") as caught:
        check_line_ends(tmp_path, [mounted])
    assert "core.autocrlf" in caught.value.next_step


def test_docker_looks_at_modes_only_where_the_engine_reads_this_file_system(tmp_path, mounted, monkeypatch):
    """Docker Desktop shares files into its machine, where modes are its own."""
    (tmp_path / "one.yml").chmod(0o600)
    engine = docker.DockerEngine(SimpleNamespace(root=tmp_path), {"web": mounted})
    monkeypatch.setattr(docker_client, "api_version", lambda: (1, 41))
    monkeypatch.setattr(engine, "components", lambda measure: [])
    monkeypatch.setattr(engine, "compose", lambda *words: "")
    monkeypatch.setattr(engine, "_follow", lambda *words: 0)
    monkeypatch.setattr(docker, "check_disk", lambda folder: None)

    monkeypatch.setattr(docker_client, "data_folder", lambda: None)
    engine.up(lambda _: None)
    monkeypatch.setattr(docker_client, "data_folder", lambda: tmp_path)
    with pytest.raises(StackError, match=r"one.yml is not readable for others"):
        engine.up(lambda _: None)
