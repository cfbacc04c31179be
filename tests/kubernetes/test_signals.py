"""One payment is in every store, with the place where it ran."""

import pytest

from sandbox.engines.kubernetes.chart import NAMESPACE
from sandbox.engines.kubernetes.cluster import Cluster
from sandbox.engines.kubernetes.workloads import LABEL
from sandbox.traffic.customer import Customer
from sandbox_testing.polling import eventually
from sandbox_testing.spans import Span
from sandbox_testing.stores import LogLine, Loki, Prometheus, Tempo

pytestmark = pytest.mark.engine("the thin path")

OBSERVED = ("gateway", "auth", "payments")


@pytest.fixture(scope="module")
def pods(cluster: Cluster) -> dict[str, set[str]]:
    """The names of each observed service's pods."""
    every = cluster.items("pods", f"--namespace={NAMESPACE}")
    return {
        name: {one["metadata"]["name"] for one in every if one["metadata"]["labels"][LABEL] == name}
        for name in OBSERVED
    }


def test_one_payment_is_a_trace_lines_and_a_count_of_its_pods(
    customer: Customer, tempo: Tempo, loki: Loki, prometheus: Prometheus, pods: dict[str, set[str]]
) -> None:
    """Without this, an engineer who looks for the cause sees a service, but not which of its pods failed."""
    query = 'sum(payments_total{outcome="authorised"})'
    before = prometheus.value(query)
    paid = customer.pay()
    assert paid.status == 201

    def stored() -> tuple[list[Span], list[LogLine]]:
        lines = loki.of_trace(paid.trace_id, paid.sent_at - 5)
        return tempo.trace(paid.trace_id), [line for line in lines if line.fields.get("event") == "http.access"]

    spans, lines = eventually("a server span and an access line of each request", stored, _whole)
    for span in spans:
        assert span.resource["k8s.pod.name"] in pods[span.service]
        assert (span.resource["k8s.namespace.name"], span.resource["k8s.node.name"]) == (NAMESPACE, "node")
    places = [{**line.labels, **line.metadata} for line in lines]
    assert all(place["k8s_pod_name"] in pods[line.service] for place, line in zip(places, lines, strict=True))
    assert {place["k8s_node_name"] for place in places} == {"node"}
    eventually("the count to rise", lambda: prometheus.value(query), lambda value: value > before)


def _whole(stored: tuple[list[Span], list[LogLine]]) -> bool:
    spans, lines = stored
    servers = sorted(span.span_id for span in spans if span.kind == "SERVER")
    return {line.service for line in lines} == set(OBSERVED) and servers == sorted(
        line.fields["spanId"] for line in lines
    )


def test_every_pod_of_a_service_is_scraped_by_itself(prometheus: Prometheus, pods: dict[str, set[str]]) -> None:
    """Without this, a count jumps between the replicas behind one address."""

    def scraped() -> dict[str, set[str]]:
        found = prometheus.query('last_over_time(up{pod!="",job="services"}[11s]) == 1')
        return {name: {one.labels["pod"] for one in found if one.labels["service"] == name} for name in OBSERVED}

    eventually("every pod as a target", scraped, lambda found: found == pods)


def test_collectors_of_both_kinds_are_scraped_and_their_queues_are_empty(prometheus: Prometheus) -> None:
    up = {one.labels["service"]: one.value for one in prometheus.query('up{service=~"otel-.+",pod!=""}')}
    assert up == {"otel-agent": 1, "otel-collector": 1}, "each of them, however many there are"
    waiting = prometheus.query('sum by (exporter) (otelcol_exporter_queue_size{service="otel-collector"})')
    # One more for each further Prometheus.
    assert len(waiting) >= 4
    assert all(one.value < 1000 for one in waiting)
