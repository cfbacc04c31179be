"""Collects a bundle of a failed run: logs, contents of every store, containers, versions.

Collecting never fails: the file of an item that is unavailable contains the reason.
"""

import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx

from sandbox.engines.kubernetes.node import Node
from sandbox.engines.native import build
from sandbox.model.errors import StackError
from sandbox.model.layout import Layout
from sandbox.model.variables import read_variables
from sandbox_testing import direct

__all__ = ["collect"]

# File of the bundle -> variable of the port, path. The responses show which telemetry had arrived where, and when.
QUESTIONS = {
    "prometheus/targets.json": ("PROMETHEUS_PORT", "/api/v1/targets"),
    "prometheus/alerts.json": ("PROMETHEUS_PORT", "/api/v1/alerts"),
    "prometheus/rules.json": ("PROMETHEUS_PORT", "/api/v1/rules"),
    "prometheus/names.json": ("PROMETHEUS_PORT", "/api/v1/label/__name__/values"),
    "prometheus/up.json": ("PROMETHEUS_PORT", "/api/v1/query?query=up"),
    "prometheus/requests.json": ("PROMETHEUS_PORT", "/api/v1/query?query=http_server_request_duration_seconds_count"),
    "loki/labels.json": ("LOKI_PORT", "/loki/api/v1/labels"),
    "loki/newest-lines.json": (
        "LOKI_PORT",
        "/loki/api/v1/query_range?query=%7Bservice_name%3D~%22.%2B%22%7D&limit=1000&since=1h",
    ),
    "tempo/newest-traces.json": ("TEMPO_PORT", "/api/search?limit=100&spss=1"),
    "tempo/services.json": ("TEMPO_PORT", "/api/v2/search/tag/resource.service.name/values"),
    "alertmanager/alerts.json": ("ALERTMANAGER_PORT", "/api/v2/alerts"),
    "alertmanager/silences.json": ("ALERTMANAGER_PORT", "/api/v2/silences"),
    "mailpit/messages.json": ("MAILPIT_PORT", "/api/v1/messages"),
    "otel-collector/metrics.txt": ("OTEL_METRICS_PORT", "/metrics"),
    "otel-collector/health.json": ("OTEL_HEALTH_PORT", "/"),
    "gateway/metrics.txt": ("GATEWAY_PORT", "/metrics"),
    "auth/metrics.txt": ("AUTH_PORT", "/metrics"),
    "payments/metrics.txt": ("PAYMENTS_PORT", "/metrics"),
    "bugsink/issues-gateway.json": ("BUGSINK_PORT", "/api/canonical/0/issues/?project=1"),
    "bugsink/issues-auth.json": ("BUGSINK_PORT", "/api/canonical/0/issues/?project=2"),
    "bugsink/issues-payments.json": ("BUGSINK_PORT", "/api/canonical/0/issues/?project=3"),
}
_COUNT_ROWS = "select relname as table, n_live_tup as rows from pg_stat_user_tables order by relname"
VERSIONS = (
    ["git", "log", "-1", "--oneline"],
    ["git", "status", "--short"],
    ["go", "version"],
    ["make", "--version"],
    ["docker", "version"],
    ["docker", "compose", "version"],
    ["df", "-h", "."],
    ["free", "-m"],
    ["ps", "-eo", "pid,ppid,etimes,rss,args", "--sort=-rss"],
)
CONTAINERS = {
    "ps.txt": ["docker", "ps", "--all", "--no-trunc"],
    "images.txt": ["docker", "images"],
    "networks.txt": ["docker", "network", "ls"],
    "volumes.txt": ["docker", "volume", "ls"],
    "stats.txt": ["docker", "stats", "--no-stream"],
    "compose.yml": ["docker", "compose", "config"],
}
CLUSTER = {
    "pods.txt": ["get", "pods", "--all-namespaces", "--output=wide"],
    "events.txt": ["get", "events", "--all-namespaces", "--sort-by=.lastTimestamp"],
    "descriptions.txt": ["describe", "pods", "--all-namespaces"],
}
_SECONDS = 20
_PICTURE_MINUTES = 30


def collect(root: Path, engine: str, folder: Path) -> Path:
    """Write the state of the stack of the checkout at `root` to `folder`; return `folder`."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    variables = read_variables(root)
    _stores(folder / "stores", variables)
    _databases(folder / "stores" / "postgres", variables)
    _pictures(root, folder / "pictures")
    if engine == "docker":
        _containers(root, folder)
    elif engine == "kubernetes":
        _cluster(Node(Layout(root).node), folder)
    else:
        _native(root / ".run", folder)
    lines = [f"python {platform.python_version()} on {platform.platform()}"]
    (folder / "versions.txt").write_text("\n\n".join([*lines, *(_told(command, root) for command in VERSIONS)]) + "\n")
    return folder


def _stores(folder: Path, variables: Mapping[str, str]) -> None:
    token = {"Authorization": f"Bearer {variables['BUGSINK_API_TOKEN']}"}
    with httpx.Client(timeout=5, trust_env=False, verify=direct.certificates()) as client:
        for name, (port, path) in QUESTIONS.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            url = f"http://127.0.0.1:{variables[port]}{path}"
            try:
                answer = client.get(url, headers=token if name.startswith("bugsink/") else {})
                file.write_bytes(
                    answer.content if answer.is_success else f"{url}: {answer.status_code} {answer.text}".encode()
                )
            except httpx.HTTPError as error:
                file.write_text(f"{url}: {error!r}\n")


def _pictures(root: Path, folder: Path) -> None:
    """Draw the dashboards. Runs in a separate process, so that a hanging one cannot block the run."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "sandbox", "snapshot", "--minutes", str(_PICTURE_MINUTES), "--to", str(folder)]
    (folder / "drawn.txt").write_text(_output(command, root, seconds=120))


def _databases(folder: Path, variables: Mapping[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("auth", "payments"):
        try:
            psql = build.ensure([variables["IMAGE_POSTGRES"]])[variables["IMAGE_POSTGRES"]]["psql"]
            address = (
                f"postgresql://{name}:{variables[f'{name.upper()}_DATABASE_PASSWORD']}"
                f"@127.0.0.1:{variables['POSTGRES_PORT']}/{name}?connect_timeout=5"
            )
            text = _output([str(psql), address, "--no-psqlrc", "--command", _COUNT_ROWS], folder)
        except Exception as error:
            text = f"{error!r}\n"
        (folder / f"{name}.txt").write_text(text)


def _containers(root: Path, folder: Path) -> None:
    docker = folder / "docker"
    docker.mkdir()
    for name, command in CONTAINERS.items():
        (docker / name).write_text(_output(command, root))
    logs = folder / "logs"
    logs.mkdir()
    listing = _output(["docker", "compose", "ps", "--all", "--format", "{{.Service}} {{.Name}}"], root).splitlines()
    for service, container in (line.split() for line in listing if len(line.split()) == 2):
        (docker / f"{service}.json").write_text(_output(["docker", "inspect", container], root))
        (logs / f"{service}.log").write_text(_output(["docker", "logs", "--timestamps", container], root))


def _cluster(node: Node, folder: Path) -> None:
    """Collect the logs of the node's programs and of its pods, and what the API server says."""
    for name, inside in (("node", "logs"), ("pods", "var/log/pods")):
        if (node.folder / inside).is_dir():
            shutil.copytree(node.folder / inside, folder / name, ignore_dangling_symlinks=True)
    for name, question in CLUSTER.items():
        try:
            text = node.cluster.kubectl(*question)
        except StackError as error:
            text = "\n".join([error.problem, *error.details])
        (folder / name).write_text(text)


def _native(run: Path, folder: Path) -> None:
    for name in ("logs", "config"):
        if (run / name).is_dir():
            shutil.copytree(run / name, folder / name, ignore_dangling_symlinks=True, dirs_exist_ok=True)
    for file in run.glob("*.json"):
        shutil.copy(file, folder)


def _told(command: list[str], root: Path) -> str:
    return f"$ {' '.join(command)}\n{_output(command, root)}"


def _output(command: list[str], folder: Path, seconds: float = _SECONDS) -> str:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=seconds,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{error!r}\n"
    return done.stdout
