"""The chart with the settings of this checkout: its values, its secret, and what it needs from a node."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from sandbox.engines.kubernetes.cluster import Cluster
from sandbox.model.compose import Service, Topology
from sandbox.model.errors import StackError

__all__ = ["NAMESPACE", "OF_A_CLUSTER", "PAIR", "RELEASE", "Chart"]

NAMESPACE = RELEASE = "sandbox"
SECRET = re.compile(r"\w+_(PASSWORD|KEY|TOKEN)")
# Part of the chart -> variable of its port in .env.
PUBLIC = ("prometheus", "alertmanager", "grafana", "bugsink")
INSTALL_SECONDS = 600
# The image of the init container that checks the collector's files.
PYTHON = "collector-files"
# Images of what only a cluster runs: they are in .env, but not in docker-compose.yml.
OF_A_CLUSTER = ("thanos", "versitygw")
# With distributed stores, the Service `prometheus` is Thanos. Prometheus itself, with its pages, has this one.
PAIR = "prometheus-pair"


class Chart:
    """charts/sandbox for `services` of the topology; `size` is one of its values-<size>.yaml."""

    def __init__(self, topology: Topology, services: Mapping[str, Service], size: str = "small") -> None:
        self._topology, self._services = topology, services
        self._folder = topology.root / "charts" / "sandbox"
        files = {path.stem.removeprefix("values-"): path for path in sorted(self._folder.glob("values-*.yaml"))}
        sizes = {"standard": self._folder / "values.yaml", **files}
        if size not in sizes:
            raise StackError(f"There is no size {size!r} of the chart.", f"Set SIZE to one of: {', '.join(sizes)}.")
        self._arguments = (
            RELEASE,
            str(self._folder),
            f"--namespace={NAMESPACE}",
            f"--values={sizes[size]}",
        )
        defaults = yaml.safe_load((self._folder / "values.yaml").read_text(encoding="utf-8"))
        chosen = yaml.safe_load(sizes[size].read_text(encoding="utf-8"))
        self.distributed: bool = chosen.get("distributed", False)
        self.components: list[str] = list(defaults["components"])
        self._images: list[str] = list(defaults["images"])

    def values(self) -> dict[str, Any]:
        """Return what this checkout decides: images, versions, addresses, the components that are left out."""
        variables, every = self._topology.variables, self._topology.services
        images = {name: every[name].image for name in self._images if name in every}
        images |= {"python": every[PYTHON].image, **{name: variables[f"IMAGE_{name.upper()}"] for name in OF_A_CLUSTER}}
        addresses = {name: f"http://127.0.0.1:{variables[f'{name.upper()}_PORT']}" for name in PUBLIC}
        if self.distributed:
            addresses["prometheus"] = f"http://127.0.0.1:{variables['PROMETHEUS_PAIR_PORT']}"
        return {
            "environment": variables["DEPLOYMENT_ENVIRONMENT"],
            "images": images,
            "addresses": addresses,
            "stackPorts": every["gateway"].environment["STACK_PORTS"],
            "rateLimit": every["gateway"].environment["RATE_LIMIT_ADDRESS"],
            # A store decides about its parts.
            "components": {name: {"enabled": name in self._services} for name in self.components if name in every},
            "agents": {"enabled": "otel-collector" in self._services},
        }

    def secret(self) -> dict[str, Any]:
        """Return the Secret with the credentials of .env."""
        data = {name: value for name, value in self._topology.variables.items() if SECRET.fullmatch(name)}
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": RELEASE, "namespace": NAMESPACE},
            "type": "Opaque",
            "stringData": data,
        }

    def render(self, cluster: Cluster) -> list[dict[str, Any]]:
        """Return the objects that would be installed."""
        text = cluster.helm(
            "template", *self._arguments, "--validate", "--values=-", stdin=yaml.safe_dump(self.values())
        )
        return [document for document in yaml.safe_load_all(text) if document]

    def install(self, cluster: Cluster, *further: str) -> None:
        """Install or upgrade the release, and wait until every part is ready. `further` are options of helm."""
        self._recover(cluster)
        options = ("--install", "--wait", f"--timeout={INSTALL_SECONDS}s", "--values=-", *further)
        values = yaml.safe_dump(self.values())
        cluster.helm("upgrade", *self._arguments, *options, stdin=values, seconds=INSTALL_SECONDS + 30)

    def _recover(self, cluster: Cluster) -> None:
        """End the operation of an interrupted helm, which would refuse the next one. We hold the checkout's lock."""
        scope = f"--namespace={NAMESPACE}"
        pending = json.loads(cluster.helm("list", "--pending", "--output=json", scope))
        if any(release["status"] == "pending-install" for release in pending):
            cluster.helm("uninstall", RELEASE, scope)
        elif pending:
            cluster.helm("rollback", RELEASE, scope)


def namespace() -> dict[str, Any]:
    """Return the namespace of the release, which refuses every pod that is not restricted."""
    labels = {
        "pod-security.kubernetes.io/enforce": "restricted",
        "pod-security.kubernetes.io/enforce-version": "latest",
    }
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}


def images(objects: list[dict[str, Any]]) -> set[str]:
    """Return every image of the objects' pods."""
    return {
        container["image"]
        for pod in _pods(objects)
        for container in [*pod.get("initContainers", []), *pod["containers"]]
    }


def volumes(objects: list[dict[str, Any]], folder: str) -> Iterator[dict[str, Any]]:
    """Yield a volume in `folder` of the node for each claim of the objects, reserved for it, so that data is kept."""
    for one in objects:
        if one["kind"] != "StatefulSet":
            continue
        for claim in one["spec"].get("volumeClaimTemplates", []):
            for number in range(one["spec"].get("replicas", 1)):
                name = f"{claim['metadata']['name']}-{one['metadata']['name']}-{number}"
                yield _volume(name, claim["spec"]["resources"]["requests"]["storage"], folder)


def built(topology: Topology, services: Mapping[str, Service]) -> list[str]:
    """Return the services whose images this repository builds."""
    return [name for name in services if topology.services[name].build]


def _volume(name: str, size: str, folder: str) -> dict[str, Any]:
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": ["node"]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": size},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "local",
            "persistentVolumeReclaimPolicy": "Retain",
            "claimRef": {"namespace": NAMESPACE, "name": name},
            "local": {"path": f"{folder}/{name}"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
        },
    }


def _pods(objects: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for one in objects:
        if template := one.get("spec", {}).get("template"):
            yield template["spec"]
