"""The state of the release's parts, read from the cluster."""

import json
from typing import Any

from sandbox.engines.engine import Component
from sandbox.engines.kubernetes.chart import NAMESPACE
from sandbox.engines.kubernetes.cluster import Cluster
from sandbox.model.compose import Topology
from sandbox.model.errors import StackError

__all__ = ["components", "trouble"]

LABEL = "app.kubernetes.io/component"
OURS = ("--all-namespaces", "--selector=app.kubernetes.io/part-of=observability-sandbox")
KINDS = "deployments,statefulsets,daemonsets"
TAIL_LINES = 12


def components(cluster: Cluster, topology: Topology, measure: bool) -> list[Component]:
    """Return each part: healthy if all its replicas are ready. Memory is the sum of its pods' working sets."""
    pods = cluster.items("pods", *OURS)
    memory = _memory(cluster) if measure else {}
    found = []
    for workload in cluster.items(KINDS, *OURS):
        name = workload["metadata"]["name"]
        own = [pod for pod in pods if pod["metadata"]["labels"].get(LABEL) == name]
        service = topology.services.get(name)
        image = workload["spec"]["template"]["spec"]["containers"][0]["image"]
        used = [memory[key] for pod in own if (key := _key(pod["metadata"])) in memory]
        wanted, ready = _replicas(workload)
        found.append(
            Component(
                name,
                "kubernetes",
                image.rpartition(":")[2],
                "running" if wanted else "stopped",
                _condition(wanted, ready, own),
                ", ".join(sorted(pod["metadata"]["name"] for pod in own)) or "-",
                sum(used) if used else None,
                service.addresses if service else [],
            )
        )
    return sorted(found, key=lambda component: component.name)


def trouble(cluster: Cluster) -> StackError | None:
    """Return an error that names the first pod that is not ready, and why; None if all are."""
    for pod in cluster.items("pods", f"--namespace={NAMESPACE}"):
        name, statuses = pod["metadata"]["name"], pod["status"].get("containerStatuses", [])
        if statuses and all(status["ready"] for status in statuses):
            continue
        said = [s["state"]["terminated"].get("message", "") for s in statuses if "terminated" in s["state"]]
        waiting = [s["state"]["waiting"] for s in statuses if "waiting" in s["state"]]
        conditions = [c for c in pod["status"].get("conditions", []) if c["status"] == "False" and "message" in c]
        reasons = (f"{w['reason']}: {w.get('message', '')}" for w in waiting if "reason" in w)
        why = "".join(said).strip() or next(reasons, "")
        why = why or next((condition["message"] for condition in conditions), "its container is not ready")
        return StackError(
            f"{name} did not become ready: {why}",
            f"`kubectl -n {NAMESPACE} describe pod {name}` has all. Correct the cause and run `make up` again.",
            _lines(cluster, name),
        )
    return None


def _lines(cluster: Cluster, pod: str) -> list[str]:
    try:
        return cluster.kubectl("logs", pod, f"--namespace={NAMESPACE}", f"--tail={TAIL_LINES}").splitlines()
    except StackError:
        return []


def _replicas(workload: dict[str, Any]) -> tuple[int, int]:
    """Return how many pods are wanted, and how many of the newest version are ready."""
    status = workload["status"]
    if workload["kind"] == "DaemonSet":
        return status.get("desiredNumberScheduled", 0), status.get("numberReady", 0)
    return workload["spec"].get("replicas", 1), min(status.get("readyReplicas", 0), status.get("updatedReplicas", 0))


def _condition(wanted: int, ready: int, pods: list[dict[str, Any]]) -> str:
    if not wanted:
        return "down"
    if ready >= wanted:
        return "healthy"
    return "starting" if _starting(pods) else "unhealthy"


def _starting(pods: list[dict[str, Any]]) -> bool:
    statuses = [status for pod in pods for status in pod["status"].get("containerStatuses", [])]
    return not statuses or any(not status["restartCount"] and not status.get("started") for status in statuses)


def _memory(cluster: Cluster) -> dict[tuple[str, str], int]:
    """Return the bytes of each pod, by namespace and name, as kubelet measures them."""
    found = {}
    for node in cluster.items("nodes"):
        path = f"--raw=/api/v1/nodes/{node['metadata']['name']}/proxy/stats/summary"
        for pod in json.loads(cluster.kubectl("get", path))["pods"]:
            if "workingSetBytes" in pod.get("memory", {}):
                found[_key(pod["podRef"])] = pod["memory"]["workingSetBytes"]
    return found


def _key(reference: dict[str, Any]) -> tuple[str, str]:
    return reference["namespace"], reference["name"]
