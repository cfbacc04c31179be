"""A pod of each part is deleted under load, one at a time, and a service is upgraded and rolled back: nothing is lost.

Needs two replicas of each service and collector: make up ENGINE=kubernetes SIZE=standard. With SIZE=ha, the parts of
the distributed stores go, too, and readers of metrics see no gap.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from sandbox.engines.kubernetes.chart import NAMESPACE, RELEASE
from sandbox.engines.kubernetes.cluster import Cluster
from sandbox.engines.kubernetes.engine import KubernetesEngine
from sandbox.engines.kubernetes.workloads import LABEL
from sandbox.model.stack import Stack
from sandbox.traffic.crowd import Crowd, Visit
from sandbox_testing.polling import eventually
from sandbox_testing.stores import Loki, Prometheus, Tempo

pytestmark = pytest.mark.engine("volumes and restart")

CUSTOMERS = 3
SERVICES = ("gateway", "auth", "payments")
# The parts in the path of telemetry, and two that only evaluate it. Databases run as one replica, and are left out.
PARTS = (*SERVICES, "otel-collector", "otel-agent", "loki", "tempo", "prometheus", "alertmanager")
LOKI = tuple(f"loki-{part}" for part in ("distributor", "ingester", "querier", "query-frontend"))
TEMPO = tuple(f"tempo-{part}" for part in ("distributor", "ingester", "querier", "query-frontend"))
# Parts in the path from a sample to its reader.
METRICS = ("prometheus", "thanos-query")
RECOVERY_SECONDS = 90
AFTERWARDS_SECONDS = 5
AGENTS = "sandbox-agents"
ACCESS = '{service_name="gateway"} | event="http.access"'
# Seconds since the last scrape of the gateway's pods. It is scraped every 5 s; Thanos may pass over a scrape or two
# when it goes from one Prometheus to the other.
AGE = 'max(time() - timestamp(up{job="services",service="gateway",pod!=""}))'
OLDEST_SECONDS = 15


@pytest.fixture(scope="module", autouse=True)
def two_of_each(cluster: Cluster) -> None:
    found = {
        one["metadata"]["name"]: one["spec"]["replicas"]
        for one in cluster.items("deployments", f"--namespace={NAMESPACE}")
    }
    if any(found[name] < 2 for name in SERVICES):
        pytest.skip("each service has one replica; make up ENGINE=kubernetes SIZE=standard")


@pytest.fixture
def crowd(stack: Stack) -> Iterator[Crowd]:
    with Crowd(stack.url("gateway"), CUSTOMERS).present() as people:
        eventually("requests of everybody", lambda: len(people.visits) > 4 * CUSTOMERS)
        yield people


def pods(cluster: Cluster, part: str) -> dict[str, bool]:
    """Name -> whether it is ready and stays."""
    namespace = AGENTS if part == "otel-agent" else NAMESPACE
    return {
        pod["metadata"]["name"]: "deletionTimestamp" not in pod["metadata"]
        and any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", []))
        for pod in cluster.items("pods", f"--namespace={namespace}", f"--selector={LABEL}={part}")
    }


def recovered(cluster: Cluster, part: str, number: int) -> None:
    eventually(
        f"{number} ready pods of {part}",
        lambda: pods(cluster, part),
        lambda found: len(found) == number and all(found.values()),
        timeout=RECOVERY_SECONDS,
        interval=0.5,
    )


@pytest.mark.parametrize("part", [*PARTS, *LOKI, *TEMPO])
def test_a_deleted_pod_fails_no_request_and_loses_no_span_or_line(
    cluster: Cluster, crowd: Crowd, tempo: Tempo, loki: Loki, part: str
) -> None:
    """Without this, every node that is drained costs customers and hides what happened to them."""
    began = time.time()
    delete_one(cluster, part)
    whole(crowd, began, tempo, loki)


@pytest.mark.parametrize("part", METRICS)
def test_a_deleted_pod_leaves_no_gap_for_readers_of_metrics(
    stack: Stack, cluster: Cluster, crowd: Crowd, tempo: Tempo, loki: Loki, prometheus: Prometheus, part: str
) -> None:
    """Without this, the minutes in which a node is drained are missing from every panel and every rule."""
    if not pods(cluster, "thanos-query"):
        pytest.skip("Prometheus is one process; make up ENGINE=kubernetes SIZE=ha")
    began = time.time()
    with Reader(stack.url("prometheus")).present() as reader:
        delete_one(cluster, part)
        whole(crowd, began, tempo, loki)
    assert reader.wrong == []
    assert reader.asked > AFTERWARDS_SECONDS
    ended = int(time.time())
    points = prometheus.query_range(AGE, int(began), ended, 1)[0]["values"]
    assert [point[0] for point in points] == list(range(int(began), ended + 1))
    assert [point for point in points if float(point[1]) > OLDEST_SECONDS] == []


class Reader:
    """Asks for AGE twice a second. `wrong` has the questions without an answer, and the answers that are too old."""

    def __init__(self, url: str) -> None:
        self._url, self._stop = url, threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self.wrong: list[str] = []
        self.asked = 0

    @contextmanager
    def present(self) -> Iterator["Reader"]:
        self._thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            self._thread.join(20)

    def _ask(self) -> None:
        while not self._stop.wait(0.5):
            # A connection for each question: one that is kept stays with its pod until that ends.
            prometheus, self.asked = Prometheus(self._url), self.asked + 1
            try:
                age = prometheus.value(AGE)
                if not 0 <= age <= OLDEST_SECONDS:
                    self.wrong.append(f"{time.time():.1f}: the newest sample is {age:.1f} s old")
            except (httpx.HTTPError, ValueError) as error:
                self.wrong.append(f"{time.time():.1f}: {error}")
            finally:
                prometheus.close()


def delete_one(cluster: Cluster, part: str) -> None:
    """Delete the first pod of a part, and wait until another one is ready. Skips what this size lacks."""
    before = pods(cluster, part)
    if not before:
        pytest.skip(f"the stack has no {part} in this size")
    namespace = AGENTS if part == "otel-agent" else NAMESPACE
    cluster.kubectl("delete", "pod", min(before), f"--namespace={namespace}", "--wait=false")
    eventually("the pod to go", lambda: not pods(cluster, part).get(min(before), False), timeout=RECOVERY_SECONDS)
    recovered(cluster, part, len(before))


def test_an_upgrade_and_a_rollback_fail_no_request(
    engine: KubernetesEngine, cluster: Cluster, crowd: Crowd, tempo: Tempo, loki: Loki
) -> None:
    """Without this, a release is an outage."""
    began = time.time()
    images = engine.chart.values()["images"]
    newer = {name: f"{images[name].rpartition(':')[0]}:0.1.99" for name in SERVICES}
    for name, image in newer.items():
        engine.node.containers("images", "tag", "--force", f"docker.io/{images[name]}", f"docker.io/{image}")
    engine.chart.install(cluster, *(f"--set=images.{name}={image}" for name, image in newer.items()))
    assert versions(cluster) == {"0.1.99"}
    cluster.helm("rollback", RELEASE, f"--namespace={NAMESPACE}", "--wait", seconds=300)
    assert versions(cluster) == {images["gateway"].rpartition(":")[2]}
    whole(crowd, began, tempo, loki)
    released = {
        span.resource["service.version"] for visit in some(crowd, began) for span in tempo.trace(visit.trace_id)
    }
    assert "0.1.99" in released


def some(crowd: Crowd, since: float) -> list[Visit]:
    """Every tenth request."""
    return [visit for visit in crowd.visits if visit.sent_at >= since][::10]


def versions(cluster: Cluster) -> set[str]:
    every = cluster.items("pods", f"--namespace={NAMESPACE}", "--selector", f"{LABEL} in ({','.join(SERVICES)})")
    alive = [pod for pod in every if "deletionTimestamp" not in pod["metadata"]]
    return {pod["spec"]["containers"][0]["image"].rpartition(":")[2] for pod in alive}


def whole(crowd: Crowd, began: float, tempo: Tempo, loki: Loki) -> None:
    """Assert that no request since `began` failed, and that each has its server span and its one access line."""
    until = time.time() + AFTERWARDS_SECONDS
    eventually("requests after the recovery", lambda: time.time() > until, timeout=2 * AFTERWARDS_SECONDS)
    sent = [visit for visit in list(crowd.visits) if visit.sent_at >= began]
    assert [(visit.what, visit.status) for visit in sent if not visit.ok] == []
    wanted = {visit.trace_id for visit in sent}
    assert len(wanted) == len(sent) > CUSTOMERS
    eventually(
        "an access line of each request",
        lambda: missing_lines(loki, wanted, began),
        lambda left: not left,
        timeout=60,
        interval=1,
    )
    eventually("a server span of each request", unseen(tempo, wanted), lambda left: not left, timeout=60, interval=1)


def missing_lines(loki: Loki, wanted: set[str], began: float) -> list[str]:
    """Return the traces without exactly one access line of the gateway."""
    counted = Counter(line.fields["traceId"] for line in loki.lines(ACCESS, began - 1))
    return [trace_id for trace_id in wanted if counted[trace_id] != 1]


def unseen(tempo: Tempo, wanted: set[str]) -> Callable[[], set[str]]:
    """Return a function that returns the traces without exactly one server span of the gateway so far."""
    left = set(wanted)

    def look() -> set[str]:
        for trace_id in list(left):
            if [span.service for span in tempo.trace(trace_id) if span.kind == "SERVER"].count("gateway") == 1:
                left.discard(trace_id)
        return left

    return look
