"""The chart with the real helm: its schema refuses mistakes; what it makes is restricted and reads the same files."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.engines.kubernetes import chart
from sandbox.engines.native import build
from sandbox.model import ROOT
from sandbox.model.compose import read_topology

pytestmark = pytest.mark.config

CHART = ROOT / "charts" / "sandbox"
OLDEST = "--kube-version=1.34.0"
# What docker-compose.yml needs and a cluster has itself.
OF_ONE_MACHINE = {"otel-collector-health", "collector-files", "volume-owner", "toxiproxy"}
PARTS_OF_THE_GATEWAY = {"frontend-shell", "frontend-account", "frontend-payments"}
# Proxies of Docker's client, and files that pods do not write: their lines are read from their output.
OF_DOCKER = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy", "LOG_DIRECTORY"}
# Variables that only one of the two can have.
DIFFER = {
    "bugsink": {"PYTHONDONTWRITEBYTECODE"},
    "grafana": {"GF_LIVE_ALLOWED_ORIGINS"},
    "otel-collector": {"OTLP_BACKEND_ENDPOINT", "OTLP_BACKEND_HEADERS"},
    "prometheus": {"NO_GRAFANA", "REMOTE_WRITE_URL", "REMOTE_WRITE_AUTHORIZATION"},
}


@pytest.fixture(scope="module")
def helm() -> Path:
    return build.ensure_tools(["helm"])["helm"]


def run(helm: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([str(helm), *arguments], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def objects(helm: Path) -> list[dict[str, Any]]:
    """What the defaults make."""
    done = run(helm, "template", "sandbox", str(CHART), "--namespace=sandbox", OLDEST)
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def pods(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one["spec"]["template"]["spec"] for one in objects if "template" in one["spec"]}


@pytest.fixture(scope="module")
def workloads(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Name -> pod."""
    return pods([one for one in objects if one["kind"] in ("Deployment", "StatefulSet", "DaemonSet")])


@pytest.mark.parametrize("values", sorted(path.name for path in CHART.glob("values*.yaml")))
def test_helm_finds_no_fault(helm: Path, values: str) -> None:
    done = run(helm, "lint", "--strict", str(CHART), f"--values={CHART / values}", OLDEST)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("environment=production", "environment"),
        ("components.gateway.replicas=0", "replicas"),
        ("components.gatway.replicas=2", "gatway"),
        ("components.loki.replicas=2", "loki"),
        ("components.loki.storage=big", "storage"),
        ("images.loki=grafana/loki", "images"),
        ("secretName=", "secretName"),
        ("postgresPassword=x", "postgresPassword"),
    ],
)
def test_a_wrong_value_is_refused_by_name(helm: Path, setting: str, named: str) -> None:
    done = run(helm, "template", "sandbox", str(CHART), OLDEST, f"--set={setting}")
    assert done.returncode != 0
    assert named in done.stderr


def test_a_cluster_that_is_too_old_is_refused(helm: Path) -> None:
    done = run(helm, "template", "sandbox", str(CHART), "--kube-version=1.33.9")
    assert done.returncode != 0
    assert ">=1.34.0" in done.stderr


def test_every_value_has_a_rule_and_every_part_of_the_stack_is_there() -> None:
    components = set(yaml.safe_load((CHART / "values.yaml").read_text())["components"])
    assert components == set(read_topology(ROOT, {}).services) - OF_ONE_MACHINE - PARTS_OF_THE_GATEWAY


def test_versions_are_those_of_the_environment_file(objects: list[dict[str, Any]]) -> None:
    services = read_topology(ROOT, {}).services
    assert chart.images(objects) == {one.image for name, one in services.items() if name != "toxiproxy"}


def test_parts_have_the_variables_of_the_compose_file(workloads: dict[str, dict[str, Any]]) -> None:
    """Without this, a setting that is added for one machine is forgotten on a cluster."""
    wrong = {}
    for name, service in read_topology(ROOT, {}).services.items():
        if name in workloads:
            written = {variable["name"] for variable in workloads[name]["containers"][0]["env"]}
            missing = set(service.environment) - written - OF_DOCKER - DIFFER.get(name, set())
            wrong |= {name: missing} if missing else {}
    assert wrong == {}


def test_every_pod_is_restricted_without_a_token_and_with_limits(workloads: dict[str, dict[str, Any]]) -> None:
    wrong = []
    for name, pod in workloads.items():
        assert pod["automountServiceAccountToken"] is (name == "prometheus"), name
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            security = container["securityContext"]
            if not (security["readOnlyRootFilesystem"] and security["capabilities"] == {"drop": ["ALL"]}):
                wrong.append((name, "may do too much"))
            if security["allowPrivilegeEscalation"] or "memory" not in container["resources"]["limits"]:
                wrong.append((name, "escalates, or has no limit of memory"))
        if name != "otel-agent" and not pod["securityContext"]["runAsNonRoot"]:
            wrong.append((name, "runs as root"))
    assert wrong == []


def test_no_credential_is_in_any_object(objects: list[dict[str, Any]]) -> None:
    secrets = chart.Chart(read_topology(ROOT, {}), {}).secret()["stringData"]
    assert len(secrets) == 15
    text = yaml.safe_dump_all(objects)
    assert [name for name, value in secrets.items() if value in text] == []
    assert [one["metadata"]["name"] for one in objects if one["kind"] == "Secret"] == []


def test_pods_read_the_files_of_the_repository(objects: list[dict[str, Any]]) -> None:
    """Without this, a rule or a dashboard on a cluster is an old copy."""
    maps = {one["metadata"]["name"]: one["data"] for one in objects if one["kind"] == "ConfigMap"}
    assert maps["files-prometheus"]["rules--platform.yml"] == (ROOT / "prometheus/rules/platform.yml").read_text()
    assert maps["files-collector"]["config.yaml"] == (ROOT / "collector/config.yaml").read_text()
    boards = {path.name: path.read_text() for path in (ROOT / "grafana/dashboards").glob("*.json")}
    assert maps["files-grafana-dashboards"] == boards


def test_the_same_files_give_the_same_objects(helm: Path, objects: list[dict[str, Any]]) -> None:
    """Without this, an upgrade that changes one part replaces others, too."""
    again = run(helm, "template", "sandbox", str(CHART), "--namespace=sandbox", OLDEST).stdout
    assert [document for document in yaml.safe_load_all(again) if document] == objects


def test_agents_read_lines_as_one_machine_does(objects: list[dict[str, Any]]) -> None:
    """The same operators in the same order; those that need a file name of ours are replaced."""
    here = yaml.safe_load((ROOT / "collector/config.yaml").read_text())["receivers"]["file_log"]
    text = next(
        one["data"]["config.yaml"] for one in objects if one["metadata"]["name"] == "otel-agent" and "data" in one
    )
    there = yaml.safe_load(text)["receivers"]["file_log"]
    changed = {"read_container", "name_node", "service_from_file_name", "name_service", "keep_few"}
    assert [o for o in there["operators"] if o["id"] not in changed] == [
        o for o in here["operators"] if o["id"] not in changed
    ]
    assert there["retry_on_failure"] == here["retry_on_failure"]
