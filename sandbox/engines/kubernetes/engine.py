"""The engine that runs charts/sandbox on a Kubernetes node of our own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from sandbox.engines.docker import DockerEngine, unavailable
from sandbox.engines.engine import Component, Report
from sandbox.engines.kubernetes import chart, forward, images, workloads
from sandbox.engines.kubernetes.chart import NAMESPACE, RELEASE, Chart
from sandbox.engines.kubernetes.cluster import Cluster
from sandbox.engines.kubernetes.node import Node
from sandbox.engines.preflight import check_ports
from sandbox.engines.state import read_state
from sandbox.model import ROOT
from sandbox.model.compose import Service, Topology
from sandbox.model.errors import StackError
from sandbox.model.layout import Layout

__all__ = ["KubernetesEngine"]

VOLUMES = "/var/lib/sandbox-volumes"
STOP_SECONDS = 120
START_SECONDS = 300


class KubernetesEngine:
    """Runs `services` of the topology, as far as the chart has them, on a node of our own."""

    name = "kubernetes"

    def __init__(self, topology: Topology, services: Mapping[str, Service]) -> None:
        self.topology = topology
        self.wanted = services
        self.node = Node(Layout(topology.root).node)

    @property
    def cluster(self) -> Cluster:
        return self.node.cluster

    @property
    def chart(self) -> Chart:
        """The chart as the last `up` chose it: a later command may have neither SIZE nor WITHOUT in its environment."""
        state = read_state(Layout(self.topology.root).state)
        without = state.without if state and state.engine == self.name else ()
        services = {name: service for name, service in self.wanted.items() if name not in without}
        recorded = self._size.read_text(encoding="utf-8") if self._size.exists() else "small"
        return Chart(self.topology, services, recorded)

    @property
    def _size(self) -> Path:
        return self.node.folder / "size"

    def left_out(self) -> dict[str, str]:
        return {}

    def up(self, report: Report) -> None:
        ran = self.node.runs()
        size = os.environ.get("SIZE") or "small"
        Chart(self.topology, self.wanted, size)  # refuses an unknown size before anything starts
        self.node.folder.mkdir(parents=True, exist_ok=True)
        self._size.write_text(size, encoding="utf-8")
        if not ran:
            check_ports(self._published())
            self.node.up(report)
        try:
            self._prepare(report)
            report("helm upgrade --install (waits until every part is ready)")
            self._install()
            self._forward()
        except BaseException:
            if not ran:
                self.node.down()
            raise

    def down(self, report: Report) -> bool:
        if self.node.runs():
            # Stores write what they have in memory; killed with the node, they would read it from their logs.
            self.cluster.helm("uninstall", RELEASE, f"--namespace={NAMESPACE}", "--ignore-not-found", "--wait")
        return self.node.down()

    def clean(self, report: Report) -> None:
        if self.node.folder.exists():
            self.node.clean()
            report(f"Removed the Kubernetes node, its volumes and its images: {self.node.folder}")

    def stop(self, name: str) -> None:
        self._scale(name, 0)
        self.cluster.kubectl(
            "wait", "pod", f"--namespace={NAMESPACE}", f"--selector={workloads.LABEL}={name}", "--for=delete",
            f"--timeout={STOP_SECONDS}s",
        )  # fmt: skip

    def kill(self, name: str) -> None:
        self.cluster.kubectl(
            "delete", "pod", f"--namespace={NAMESPACE}", f"--selector={workloads.LABEL}={name}", "--grace-period=0",
            "--force",
        )  # fmt: skip

    def start(self, name: str, report: Report) -> None:
        values = json.loads(
            self.cluster.helm("get", "values", RELEASE, f"--namespace={NAMESPACE}", "--all", "--output=json")
        )
        self._scale(name, values["components"][name]["replicas"])
        status = ("rollout", "status", f"--namespace={NAMESPACE}", self._workload(name), f"--timeout={START_SECONDS}s")
        self.cluster.kubectl(*status, seconds=START_SECONDS + 10)
        report(f"{name} is healthy")

    def replace(self, name: str, report: Report) -> None:
        self._prepare(report)
        self._install()
        report(f"{name} is healthy")

    def run_once(self, name: str, arguments: list[str]) -> str:
        return self.cluster.kubectl("exec", f"--namespace={NAMESPACE}", self._workload(name), "--", *arguments)

    def components(self, measure: bool = True) -> list[Component]:
        return workloads.components(self.cluster, self.topology, measure) if self.node.runs() else []

    def logs(self, services: list[str], lines: int, follow: bool) -> Iterator[str]:
        names = f"in ({','.join(services)})" if services else ""
        options = ["--prefix", f"--tail={lines}", "--max-log-requests=50", *(["--follow"] if follow else [])]
        selector = f"--selector={workloads.LABEL} {names}".rstrip()
        command = self.node.box.enter(
            *self.cluster.kubectl_program, "logs", f"--namespace={NAMESPACE}", selector, *options
        )
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, errors="replace") as process:
            for line in process.stdout or ():
                yield line.rstrip("\n")

    def _prepare(self, report: Report) -> None:
        """Bring images, secret and volumes to the node."""
        self._build(report)
        release = self.chart
        objects = release.render(self.cluster)
        images.bring(self.node, chart.images(objects), report)
        volumes = list(chart.volumes(objects, VOLUMES))
        for volume in volumes:
            (self.node.folder / f"{volume['spec']['local']['path'].lstrip('/')}").mkdir(parents=True, exist_ok=True)
        wanted = [chart.namespace(), release.secret(), *volumes]
        self.cluster.kubectl("apply", "--server-side", "--filename=-", stdin=yaml.safe_dump_all(wanted))

    def _build(self, report: Report) -> None:
        """Build the services' images with Docker. Other images come from Docker, too, or from their registry."""
        built = chart.built(self.topology, self.wanted)
        if not built:
            return
        if why_not := unavailable():
            raise StackError(
                f"The services' images are built with Docker, and {why_not}.",
                "Install or start Docker; the cluster itself does not need it.",
            )
        report(f"docker compose build ({len(built)} services)")
        DockerEngine(self.topology, self.wanted).compose("build", "--quiet", *built)

    def _install(self) -> None:
        try:
            self.chart.install(self.cluster)
        except StackError as error:
            raise workloads.trouble(self.cluster) or error from error

    def _published(self) -> list[Service]:
        return [service for name, service in self.wanted.items() if name in self.chart.components]

    def _forward(self) -> None:
        """Start the program that listens on this machine's ports, or start it again with the ports of now."""
        ports = [
            f"{port.published}={service.name}.{NAMESPACE}.svc.cluster.local:{port.target}"
            for service in self._published()
            for port in service.ports
        ]
        if self.chart.distributed:
            pair = f"{chart.PAIR}.{NAMESPACE}.svc.cluster.local:9090"
            ports.append(f"{self.topology.variables['PROMETHEUS_PAIR_PORT']}={pair}")
        old = f"[ ! -e {forward.PID_FILE} ] || kill $(cat {forward.PID_FILE})"
        subprocess.run(self.node.box.enter("sh", "-c", old), check=False, capture_output=True)
        inside = [word for word in self.node.box.enter() if word != "--net"]
        command = [*inside, "setsid", "--fork", sys.executable, "-m", forward.__name__, *ports]
        with (self.node.folder / "logs" / "forward.log").open("wb") as log:
            subprocess.run(
                command, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, check=True,
            )  # fmt: skip

    def _scale(self, name: str, replicas: int) -> None:
        self.cluster.kubectl("scale", f"--namespace={NAMESPACE}", self._workload(name), f"--replicas={replicas}")

    def _workload(self, name: str) -> str:
        found = self.cluster.items("deployments,statefulsets", f"--namespace={NAMESPACE}")
        kinds = {one["metadata"]["name"]: one["kind"].lower() for one in found}
        if name not in kinds:
            raise StackError(f"{name} is not part of the release.", f"Choose from: {', '.join(kinds)}.")
        return f"{kinds[name]}/{name}"
