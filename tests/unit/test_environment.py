"""What a shell exported for another program neither reaches the stack nor goes unmentioned."""

import os
import subprocess
from pathlib import Path

import pytest

from sandbox.engines.native.project import NativeForm, process_of
from sandbox.model import ROOT
from sandbox.model.compose import Topology, read_topology
from sandbox.model.environment import for_docker, profiles, report
from sandbox.model.layout import Layout

SECRET = "made-up-0123"
# As a developer's shell has them: variables of SDKs, tools, databases, clouds, other Compose projects and Python.
SHELL = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{SECRET}:4317",
    "OTEL_EXPORTER_OTLP_HEADERS": f"authorization={SECRET}",
    "OTEL_SERVICE_NAME": SECRET,
    "OTEL_SDK_DISABLED": "true",
    "SENTRY_URL": f"http://{SECRET}",
    "SENTRY_AUTH_TOKEN": SECRET,
    "SENTRY_ORG": SECRET,
    "SENTRY_DSN": f"http://{SECRET}@127.0.0.1/1",
    "SENTRY_TRACES_SAMPLE_RATE": "0.5",
    "COMPOSE_PROJECT_NAME": SECRET,
    "COMPOSE_FILE": SECRET,
    "COMPOSE_ENV_FILES": SECRET,
    "HTTP_PROXY": f"http://{SECRET}:3128",
    "http_proxy": f"http://{SECRET}:3128",
    "HTTPS_PROXY": f"http://{SECRET}:3128",
    "ALL_PROXY": f"socks5://{SECRET}:1080",
    "NO_PROXY": SECRET,
    "GF_SECURITY_ADMIN_PASSWORD": SECRET,
    "GF_PATHS_DATA": SECRET,
    "LOKI_ADDR": SECRET,
    "PGHOST": SECRET,
    "PGPASSWORD": SECRET,
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "PYTHONPATH": SECRET,
    "NO_GRAFANA": SECRET,
}
# Of these `make up` says that it ignored them; a container would never have got the others.
TOLD = {name for name in SHELL if name.startswith(("OTEL_", "SENTRY_", "COMPOSE_", "GF_")) or name.endswith("PROXY")}
TOLD.add("http_proxy")


@pytest.fixture
def topology() -> Topology:
    return read_topology(ROOT, SHELL)


def test_nothing_of_the_shell_is_in_the_topology(topology: Topology) -> None:
    bare = read_topology(ROOT, {})

    assert dict(topology.variables) == dict(bare.variables)
    for name, service in topology.services.items():
        assert SECRET not in repr(service), name
        assert service == bare.services[name]


def test_nothing_of_the_shell_reaches_a_native_process(topology, tmp_path, monkeypatch) -> None:
    for name, value in SHELL.items():
        monkeypatch.setenv(name, value)
    form = NativeForm({"python": Path("/usr/bin/python3")}, {})
    layout = Layout(tmp_path)
    for service in topology.services.values():
        if service.entrypoint[:1] == ["python"]:
            process = process_of(topology, service, topology.services, form, layout)
            assert SECRET not in repr(process["environment"]), service.name


def test_compose_gets_the_variables_as_they_were_read_and_nothing_that_would_lead_it_elsewhere(
    topology, monkeypatch
) -> None:
    for name, value in SHELL.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/user/1000/docker.sock")
    given = for_docker(topology)

    assert given.items() >= dict(topology.variables).items()
    # Whom the client asks, and by which proxy it reaches a registry, is the user's.
    assert given["DOCKER_HOST"] == "unix:///run/user/1000/docker.sock"
    assert given["HTTPS_PROXY"] == SHELL["HTTPS_PROXY"]
    reads = topology.variables.keys() | {"NO_GRAFANA"}
    foreign = {name for name in given if name.startswith(("COMPOSE_", "OTEL_", "SENTRY_"))}
    assert foreign <= topology.variables.keys()
    assert not {name for name in reads if SECRET in given.get(name, "")}


def test_tools_behind_make_get_nothing_that_would_change_python_or_the_way_to_the_database(tmp_path: Path) -> None:
    """PYTHONOPTIMIZE takes the doctor's assertions away, PYTHONSAFEPATH hides every module of this repository."""
    names = ("PYTHONPATH", "PYTHONHOME", "PYTHONOPTIMIZE", "PYTHONSAFEPATH", "PGHOSTADDR", "PGSSLMODE", "PGOPTIONS")
    (tmp_path / "print.mk").write_text("include Makefile\nprint:\n\t@env\n", encoding="utf-8")
    shell = os.environ | dict.fromkeys(names, SECRET) | {"KEPT": SECRET}
    printed = subprocess.run(
        ["make", "--silent", "-f", tmp_path / "print.mk", "print"],
        cwd=ROOT,
        env=shell,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()

    assert f"KEPT={SECRET}" in printed
    assert not [line for line in printed if line.startswith(names)]


def test_what_was_ignored_is_said_in_one_line(topology) -> None:
    line = report(topology, SHELL)

    assert line.startswith("Your environment: ignored ")
    assert "\n" not in line
    assert {name for name in SHELL if f"{name}," in line or f"{name} (" in line} == TOLD
    assert SECRET not in line
    assert report(read_topology(ROOT, {}), {"PATH": "/usr/bin", "EDITOR": "vi"}) == ""


def test_what_was_taken_is_said_before_what_was_ignored() -> None:
    shell = {"RATE_LIMIT_CUSTOMER": "5/minute", "AUTH_VERSION": "0.1.0", "SENTRY_ORG": "acme"}
    shell |= {"CUSTOMER_INTERVAL_SECONDS": "9"}
    topology = read_topology(ROOT, shell)

    assert topology.services["customer"].environment["INTERVAL_SECONDS"] == "9"
    # AUTH_VERSION is what .env says anyway.
    assert report(topology, shell) == (
        "Your environment: took CUSTOMER_INTERVAL_SECONDS, RATE_LIMIT_CUSTOMER over .env; "
        "ignored SENTRY_ORG (what this stack should use goes into .env.local)."
    )


def test_what_the_shell_may_not_set_a_file_of_the_checkout_does(tmp_path: Path) -> None:
    (tmp_path / "docker-compose.yml").write_text(
        "name: small\nservices: {web: {image: web:1, environment: {TO: '${SENTRY_URL:-none}'}}}\n"
    )
    shell = {"SENTRY_URL": "http://of-another-program"}

    assert read_topology(tmp_path, shell).services["web"].environment == {"TO": "none"}
    (tmp_path / ".env.local").write_text("SENTRY_URL=http://mine\n")
    topology = read_topology(tmp_path, shell)
    assert topology.services["web"].environment == {"TO": "http://mine"}
    assert "ignored SENTRY_URL" in report(topology, shell)


def test_ports_that_kubernetes_exports_beside_a_service_are_no_ports_of_ours() -> None:
    """In a pod beside a service named grafana: GRAFANA_PORT=tcp://10.0.0.1:3000."""
    shell = {"GRAFANA_PORT": "tcp://10.0.0.1:3000"}
    topology = read_topology(ROOT, shell)

    assert topology.variables["GRAFANA_PORT"].isdigit()
    assert "ignored GRAFANA_PORT" in report(topology, shell)


def test_ports_of_the_collector_are_ours_although_they_begin_as_those_of_every_sdk() -> None:
    topology = read_topology(ROOT, {"OTEL_HEALTH_PORT": "23133"})

    assert topology.variables["OTEL_HEALTH_PORT"] == "23133"
    assert report(topology, {"OTEL_HEALTH_PORT": "23133"}) == "Your environment: took OTEL_HEALTH_PORT over .env."


@pytest.mark.parametrize(
    ("said", "ours", "mentioned"),
    [
        ("gameday", {"gameday"}, False),
        ("dev, debug", set(), True),
        ("gameday,dev", {"gameday"}, True),
        ("", set(), False),
    ],
)
def test_compose_profiles_of_another_project_start_nothing_here(said, ours, mentioned, topology) -> None:
    shell = {"COMPOSE_PROFILES": said}

    assert profiles(topology, shell) == ours
    assert ("COMPOSE_PROFILES" in report(topology, shell)) is mentioned
