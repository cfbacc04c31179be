"""What the API server and kubelet say about the chart: nothing is refused, nothing runs with more than it needs."""

import json
import re
from typing import Any

import pytest
import yaml

from sandbox.engines.kubernetes import workloads
from sandbox.engines.kubernetes.chart import NAMESPACE, Chart
from sandbox.engines.kubernetes.cluster import Cluster
from sandbox.engines.kubernetes.engine import KubernetesEngine
from sandbox.model import ROOT
from sandbox.model.errors import StackError

pytestmark = pytest.mark.engine("start, order and health")

SIZES = ["standard", *sorted(path.stem.removeprefix("values-") for path in (ROOT / "charts/sandbox").glob("values-*"))]


@pytest.mark.parametrize("size", SIZES)
def test_the_api_server_accepts_every_object(engine: KubernetesEngine, cluster: Cluster, size: str) -> None:
    """Without this, a misspelt field is ignored in silence, or the install stops half-way."""
    objects = Chart(engine.topology, engine.topology.services, size).render(cluster)
    for one in objects:
        if one["kind"] != "Namespace":
            one["metadata"].setdefault("namespace", NAMESPACE)
    options = ("--server-side", "--dry-run=server", "--force-conflicts", "--validate=strict", "--filename=-")
    answer = cluster.kubectl("apply", *options, stdin=yaml.safe_dump_all(objects))
    assert answer.count("serverside-applied") == len(objects)


def test_a_pod_that_may_do_more_is_refused(cluster: Cluster) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "root", "namespace": NAMESPACE},
        "spec": {"containers": [{"name": "root", "image": "postgres:18"}]},
    }
    with pytest.raises(StackError, match='violates PodSecurity "restricted:latest"'):
        cluster.kubectl("apply", "--dry-run=server", "--filename=-", stdin=yaml.safe_dump(pod))


def test_only_prometheus_has_a_token(cluster: Cluster) -> None:
    """Without this, a service that is taken over can ask the API server."""
    pods = cluster.items("pods", f"--namespace={NAMESPACE}")
    assert {pod["metadata"]["labels"]["app.kubernetes.io/component"] for pod in pods if _has_token(pod)} == {
        "prometheus"
    }


def test_prometheus_may_read_pods_and_nothing_else(cluster: Cluster) -> None:
    questions = [("list", "pods"), ("list", "secrets"), ("delete", "pods")]
    may = {}
    for verb, kind in questions:
        answer = cluster.kubectl("create", "--output=json", "--filename=-", stdin=_review(verb, kind))
        may[f"{verb} {kind}"] = json.loads(answer)["status"]["allowed"]
    assert may == {"list pods": True, "list secrets": False, "delete pods": False}


def test_a_missing_secret_is_refused_in_words(engine: KubernetesEngine, cluster: Cluster) -> None:
    with pytest.raises(StackError, match="no Secret named absent"):
        engine.chart.install(cluster, "--dry-run=server", "--set=secretName=absent")


def test_a_missing_storage_class_is_refused_in_words(engine: KubernetesEngine, cluster: Cluster) -> None:
    with pytest.raises(StackError, match="no StorageClass named fast"):
        engine.chart.install(cluster, "--dry-run=server", "--set=storageClass=fast")


def test_a_cluster_without_a_default_storage_class_is_refused_in_words(
    engine: KubernetesEngine, cluster: Cluster
) -> None:
    def mark(default: str) -> None:
        cluster.kubectl(
            "annotate", "storageclass", "local", "--overwrite", f"storageclass.kubernetes.io/is-default-class={default}"
        )

    mark("false")
    try:
        with pytest.raises(StackError, match="no default StorageClass"):
            engine.chart.install(cluster, "--dry-run=server")
    finally:
        mark("true")


@pytest.mark.parametrize(
    ("endpoint", "named"),
    [("nowhere:9000", "does not answer"), ("versitygw:7070", "bucket absent .* there is no such bucket")],
)
def test_a_bucket_that_cannot_be_used_is_refused_in_words(
    engine: KubernetesEngine, cluster: Cluster, endpoint: str, named: str
) -> None:
    """Without this, everything starts, and what the stores receive is lost when they cannot write it."""
    if not engine.chart.distributed:
        pytest.skip("the stores keep their data on volumes; make up ENGINE=kubernetes SIZE=ha")
    settings = {"endpoint": endpoint, "insecure": "true", "buckets.traces": "absent"}
    before = [pod["metadata"]["uid"] for pod in cluster.items("pods", f"--namespace={NAMESPACE}")]
    with pytest.raises(StackError, match="job object-storage failed"):
        engine.chart.install(cluster, *(f"--set=objectStorage.{name}={value}" for name, value in settings.items()))
    refused = workloads.trouble(cluster)
    assert refused
    assert re.search(named, refused.problem)
    cluster.kubectl("delete", "job", "object-storage", "--cascade=foreground", f"--namespace={NAMESPACE}")
    assert {pod["metadata"]["uid"] for pod in cluster.items("pods", f"--namespace={NAMESPACE}")} == set(before)


def _review(verb: str, kind: str) -> str:
    attributes = {"namespace": NAMESPACE, "verb": verb, "resource": kind}
    spec = {"user": f"system:serviceaccount:{NAMESPACE}:prometheus", "resourceAttributes": attributes}
    return json.dumps({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec})


def _has_token(pod: dict[str, Any]) -> bool:
    sources = [
        source for volume in pod["spec"].get("volumes", []) for source in volume.get("projected", {}).get("sources", [])
    ]
    return any("serviceAccountToken" in source for source in sources)
