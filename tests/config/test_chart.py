"""The chart with the real helm: its schema refuses mistakes; what it makes is restricted and reads the same files."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.engines.kubernetes import chart
from sandbox.engines.native import build
from sandbox.engines.native.programs import program
from sandbox.model import ROOT
from sandbox.model.compose import read_topology

pytestmark = pytest.mark.config

CHART = ROOT / "charts" / "sandbox"
OLDEST = "--kube-version=1.34.0"
DISTRIBUTED = f"--values={CHART / 'values-ha.yaml'}"
OF_DISTRIBUTED_STORES = re.compile("(loki|tempo|thanos)-|versitygw")
# What rings and object storage change; everything else is as for one machine.
LOKI_DIFFERS = {"common", "compactor", "frontend_worker", "memberlist", "schema_config", "server"}
TEMPO_DIFFERS = {
    "distributor",
    "ingester",
    "memberlist",
    "metrics_generator",
    "querier",
    "query_frontend",
    "server",
    "storage",
}
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


def template(helm: Path, *arguments: str) -> list[dict[str, Any]]:
    done = run(helm, "template", "sandbox", str(CHART), "--namespace=sandbox", OLDEST, *arguments)
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


@pytest.fixture(scope="module", params=["values", "values-ha"])
def size(request: pytest.FixtureRequest) -> str:
    """One process of each store, and distributed stores."""
    return f"--values={CHART / request.param}.yaml"


@pytest.fixture(scope="module")
def objects(helm: Path, size: str) -> list[dict[str, Any]]:
    return template(helm, size)


def pods(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        one["metadata"]["name"]: one["spec"]["template"]["spec"]
        for one in objects
        if one["kind"] in ("Deployment", "StatefulSet", "DaemonSet")
    }


@pytest.fixture(scope="module")
def workloads(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Name -> pod."""
    return pods(objects)


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
        ("components.prometheus.replicas=2", "prometheus"),
        ("components.loki-ingester.replicas=2", "loki-ingester"),
        ("objectStorage.endpoint=http://s3", "endpoint"),
        ("objectStorage.buckets.logs=Logs", "logs"),
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
    alone = {name for name in components if not OF_DISTRIBUTED_STORES.match(name)}
    assert alone == set(read_topology(ROOT, {}).services) - OF_ONE_MACHINE - PARTS_OF_THE_GATEWAY


def test_versions_are_those_of_the_environment_file(helm: Path) -> None:
    topology = read_topology(ROOT, {})
    images = {one.image for name, one in topology.services.items() if name != "toxiproxy"}
    assert chart.images(template(helm)) == images
    of_a_cluster = {topology.variables["IMAGE_THANOS"], topology.variables["IMAGE_VERSITYGW"]}
    assert chart.images(template(helm, DISTRIBUTED)) == images | of_a_cluster


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
    assert len(secrets) == 17
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


def test_the_same_files_give_the_same_objects(helm: Path, size: str, objects: list[dict[str, Any]]) -> None:
    """Without this, an upgrade that changes one part replaces others, too."""
    assert template(helm, size) == objects


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


@pytest.mark.parametrize(
    ("store", "differs", "command"),
    [
        ("loki", LOKI_DIFFERS, [("IMAGE_LOKI", "/usr/bin/loki"), "-verify-config", "-target=ingester"]),
        ("tempo", TEMPO_DIFFERS, [("IMAGE_TEMPO", "/tempo"), "-config.verify", "-target=ingester"]),
    ],
)
def test_a_distributed_store_reads_the_same_settings_and_accepts_them(
    helm: Path, tmp_path: Path, store: str, differs: set[str], command: list[Any]
) -> None:
    """Without this, a limit that is changed for one machine stays as it was on a cluster."""
    maps = {one["metadata"]["name"]: one["data"] for one in template(helm, DISTRIBUTED) if one["kind"] == "ConfigMap"}
    there, file = yaml.safe_load(maps[f"{store}-distributed"][f"{store}.yml"]), tmp_path / "store.yml"
    here = yaml.safe_load((ROOT / store / f"{store}.yml").read_text())
    assert {key for key in here | there if here.get(key) != there.get(key)} == differs
    file.write_text(maps[f"{store}-distributed"][f"{store}.yml"])
    arguments = [program(*command[0]), *command[1:], "-config.expand-env=true", f"-config.file={file}"]
    done = subprocess.run(arguments, env={"POD_IP": "127.0.0.1"}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_object_storage_of_yours_takes_the_place_of_the_pod_and_is_checked_first(helm: Path) -> None:
    """Without this, the stores start, and what they receive is lost when they cannot write it."""
    mine = template(helm, DISTRIBUTED, "--set=objectStorage.endpoint=s3.example:9000,objectStorage.secretName=s3")
    assert "versitygw" not in pods(mine)
    check = next(one for one in mine if one["kind"] == "Job")
    assert check["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    variables = {one["name"]: one for one in check["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert variables["S3_ENDPOINT"]["value"] == "https://s3.example:9000"
    assert variables["S3_ACCESS_KEY"]["valueFrom"]["secretKeyRef"] == {"name": "s3", "key": "S3_ACCESS_KEY"}
    of_a_store = {one["name"]: one for one in pods(mine)["loki-ingester"]["containers"][0]["env"]}
    assert of_a_store["S3_ACCESS_KEY"] == variables["S3_ACCESS_KEY"]


def test_both_prometheus_send_the_same_alerts_and_each_gets_what_is_pushed(helm: Path) -> None:
    """Without this, every alert is two, and half of the pushed samples is missing when one of the pair is away."""
    maps = {one["metadata"]["name"]: one["data"] for one in template(helm, DISTRIBUTED) if one["kind"] == "ConfigMap"}
    pair = yaml.safe_load(maps["prometheus-kubernetes"]["prometheus.yml"])
    assert pair["global"]["external_labels"]["replica"] == "${POD_NAME}"
    assert {"regex": "replica", "action": "labeldrop"} in pair["alerting"]["alert_relabel_configs"]
    addresses = [f"http://prometheus-{number}.prometheus-pods:9090" for number in (0, 1)]
    generator = yaml.safe_load(maps["tempo-distributed"]["tempo.yml"])["metrics_generator"]
    assert [one["url"] for one in generator["storage"]["remote_write"]] == [f"{a}/api/v1/write" for a in addresses]
    collector = yaml.safe_load(maps["otel-collector-kubernetes"]["gateway.yaml"])
    exporters = [collector["exporters"][name] for name in collector["service"]["pipelines"]["metrics"]["exporters"]]
    assert [one["endpoint"] for one in exporters] == [f"{a}/api/v1/otlp" for a in addresses]
