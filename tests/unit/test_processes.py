"""A service of docker-compose.yml becomes a supervised process without anything being told about that service."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.engines.native.forms import select
from sandbox.engines.native.project import NEVER, NativeForm, compose_project, write_project
from sandbox.model import ROOT
from sandbox.model.compose import read_topology
from sandbox.model.errors import StackError
from sandbox.model.layout import Layout

COMPOSE = """
services:
  store:
    image: example/store:2
    entrypoint: ["store"]
    command: ["--listen=0.0.0.0:5000", "--data=/data", "--secret=$$HOME"]
    environment: {STORE_LOG: /tmp/store.log}
    ports: ["127.0.0.1:15000:5000"]
    volumes: ["store-data:/data", "./store.conf:/etc/store.conf:ro"]
    tmpfs: ["/tmp"]
    restart: on-failure:3
    stop_signal: SIGINT
    stop_grace_period: 20s
    healthcheck: {test: ["CMD", "store", "ping", "--port", "5000", "{{x}}"], interval: 3s, timeout: 1500ms}
  web:
    image: example/web:1
    build: web
    entrypoint: ["python", "-m", "web"]
    command: ["--store=store:5000"]
    environment: {STATIC: /app/static}
    ports: ["127.0.0.1:18000:8000"]
    restart: unless-stopped
    healthcheck: {test: ["CMD", "python", "/app/probe.py", "http://127.0.0.1:8000/ready"]}
    depends_on:
      store: {condition: service_healthy}
      only-docker: {condition: service_completed_successfully}
  only-docker:
    image: example/web:1
    x-engine: docker
    entrypoint: ["chown"]
    command: []
volumes: {store-data: {}}
"""


@pytest.fixture
def processes(tmp_path: Path) -> dict[str, dict]:
    (tmp_path / "docker-compose.yml").write_text(COMPOSE)
    (tmp_path / "store.conf").write_text("dir = /data\n")
    (tmp_path / "web").mkdir()
    topology = read_topology(tmp_path, {})
    services = {name: topology.services[name] for name in ("store", "web")}
    forms = {
        "store": NativeForm({"store": Path("/programs/store")}, {"FROM_IMAGE": "yes", "STORE_LOG": "/nowhere"}),
        "web": NativeForm({"python": Path("/venv/bin/python")}, {}, ("/app", tmp_path / "web")),
    }
    return compose_project(topology, services, forms, Layout(tmp_path))["processes"]


def test_the_program_is_replaced_and_its_arguments_follow_the_machine(processes, tmp_path):
    assert processes["store"]["entrypoint"] == [
        "/programs/store",
        "--listen=127.0.0.1:15000",
        f"--data={tmp_path}/.run/data/store-data",
        "--secret=$HOME",
    ]
    assert processes["web"]["entrypoint"] == ["/venv/bin/python", "-m", "web", "--store=127.0.0.1:15000"]
    assert processes["web"]["working_dir"] == str(tmp_path / "web")


def test_the_environment_is_what_compose_and_the_image_state_and_little_more(processes, tmp_path):
    environment = dict(entry.split("=", 1) for entry in processes["store"]["environment"])

    assert set(environment) == {"PATH", "HOME", "TMPDIR", "LANG", "SANDBOX_CHECKOUT", "FROM_IMAGE", "STORE_LOG"}
    assert environment["STORE_LOG"] == f"{tmp_path}/.run/tmp/store/tmp/store.log"
    assert environment["TMPDIR"] == f"{tmp_path}/.run/tmp/store/tmp"
    assert dict(e.split("=", 1) for e in processes["web"]["environment"])["STATIC"] == f"{tmp_path}/web/static"


def test_a_mounted_file_is_rendered_and_marks_the_process_with_its_digest(processes, tmp_path):
    copy = tmp_path / ".run/config/store/etc/store.conf"

    assert copy.read_text() == f"dir = {tmp_path}/.run/data/store-data\n"
    assert processes["store"]["description"] != "configuration none"


def test_a_check_that_fetches_a_page_costs_no_process(processes):
    probe = processes["web"]["readiness_probe"]

    assert probe["http_get"] == {"scheme": "http", "host": "127.0.0.1", "port": "18000", "path": "/ready"}


def test_any_other_check_is_run_with_its_program_and_port_replaced(processes):
    probe = processes["store"]["readiness_probe"]

    assert probe["exec"]["command"] == "until /programs/store ping --port 15000 '{{\"{{\"}}x}}'; do sleep 0.05; done"
    assert probe["timeout_seconds"] == 2


def test_a_failing_check_never_makes_the_supervisor_end_the_process(processes):
    assert {process["readiness_probe"]["failure_threshold"] for process in processes.values()} == {NEVER}


def test_order_restart_and_stop_are_those_of_compose(processes):
    assert processes["web"]["depends_on"] == {"store": {"condition": "process_healthy"}}
    assert processes["web"]["availability"]["restart"] == "always"
    assert processes["store"]["availability"] == {"restart": "on_failure", "backoff_seconds": 1, "max_restarts": 3}
    assert processes["store"]["shutdown"] == {"signal": 2, "timeout_seconds": 20}


def test_the_supervisors_file_has_no_dollar_that_it_could_expand(processes, tmp_path):
    write_project({"processes": processes}, tmp_path / "processes.json")
    text = (tmp_path / "processes.json").read_text()

    assert "$" not in text
    assert json.loads(text) == {"processes": processes}


def test_a_program_that_the_image_lacks_is_named_with_what_it_has(tmp_path):
    (tmp_path / "docker-compose.yml").write_text(
        "services: {odd: {image: example/odd:1, entrypoint: [/bin/odd], command: []}}"
    )
    topology = read_topology(tmp_path, {})

    with pytest.raises(StackError, match=r"odd runs /bin/odd, which the native form of example/odd:1 lacks .*: even"):
        compose_project(topology, topology.services, {"odd": NativeForm({"even": Path("/even")}, {})}, Layout(tmp_path))


def test_what_the_native_engine_cannot_honour_is_refused_rather_than_ignored(tmp_path):
    (tmp_path / "docker-compose.yml").write_text(
        "services: {odd: {build: ., image: odd:1, entrypoint: [a], command: [], env_file: x, user: '1:1', x-own: 1}}"
    )
    topology = read_topology(tmp_path, {})

    with pytest.raises(StackError, match="odd uses env_file, which the native engine does not know"):
        select(topology, topology.services)


def test_what_only_docker_needs_or_can_run_is_left_out_with_the_reason():
    topology = read_topology(ROOT, {})

    selection = select(topology, topology.services)

    assert set(topology.services) - set(selection.services) == {"volume-owner", "grafana"}
    assert "Grafana" in selection.left_out["grafana"]


def test_a_service_that_depends_on_what_cannot_run_is_refused_by_name():
    topology = read_topology(ROOT, {})
    needy = replace(topology.services["gateway"], depends_on={"grafana": "service_healthy"})

    with pytest.raises(StackError, match="gateway depends on grafana, which cannot run natively"):
        select(topology, topology.services | {"gateway": needy})
