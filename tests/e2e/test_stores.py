"""Every store answers, shows what it got within a second or a scrape, and the way there is watched."""

import time

import pytest

from sandbox.completeness.exposition import samples_of
from sandbox.model.catalog import SERVICES
from sandbox.model.stack import Stack
from sandbox.traffic.customer import Customer
from sandbox.traffic.synthetic import silence
from sandbox_testing import direct
from sandbox_testing.polling import eventually
from sandbox_testing.stores import Loki, Prometheus, Tempo
from tests.support.evidence import Evidence
from tests.support.figures import Figures

READY = {
    "gateway": "/readyz",
    "auth": "/readyz",
    "payments": "/readyz",
    "acquirer": "/readyz",
    "otel_health": "/",
    "prometheus": "/-/ready",
    "alertmanager": "/-/ready",
    "loki": "/ready",
    "tempo": "/ready",
    "bugsink": "/health/ready",
    "mailpit": "/readyz",
}


@pytest.mark.engine("start, order and health")
@pytest.mark.parametrize("component", READY)
def test_every_component_says_that_it_is_ready(stack: Stack, component: str, evidence: Evidence) -> None:
    """Without this a store is down while everything around it looks green."""
    answer = direct.get(f"{stack.url(component)}{READY[component]}", timeout=5.0)
    evidence(query=str(answer.url), status=answer.status_code)
    assert answer.status_code == 200


@pytest.mark.engine("network and names")
def test_alertmanager_is_known_to_prometheus(prometheus: Prometheus, evidence: Evidence) -> None:
    """Without this alerts fire and nobody is told."""
    known = prometheus.get("/api/v1/alertmanagers")["data"]["activeAlertmanagers"]
    evidence(query="/api/v1/alertmanagers", alertmanagers=len(known))
    assert len(known) == 1


PAYMENTS_MEASURED = 5
SPREAD_SECONDS = 1.0


@pytest.mark.engine("the thin path")
def test_trace_and_line_are_queryable_soon_after_the_answer(
    customer: Customer, tempo: Tempo, loki: Loki, figures: Figures, evidence: Evidence
) -> None:
    """Without this whoever looks right after a failure finds nothing and gives up."""
    took: dict[str, list[float]] = {"trace": [], "log": []}
    for _ in range(PAYMENTS_MEASURED):
        paid = customer.pay()
        eventually(
            "the gateway's span", lambda paid=paid: _gateway_span(tempo, paid.trace_id), timeout=10, interval=0.02
        )
        took["trace"].append(time.time() - paid.received_at)
        paid = customer.pay()
        eventually(
            "the gateway's access line",
            lambda paid=paid: _gateway_line(loki, paid.trace_id, paid.sent_at),
            timeout=10,
            interval=0.02,
        )
        took["log"].append(time.time() - paid.received_at)
    seconds = {name: figures.add(f"answer to queryable: {name}", "s", values) for name, values in took.items()}
    evidence(trace_seconds=seconds["trace"], log_seconds=seconds["log"], trace_id=paid.trace_id)
    assert max(took["trace"] + took["log"]) < 5.0


def _gateway_span(tempo: Tempo, trace_id: str) -> bool:
    return any(span.service == "gateway" and span.kind == "SERVER" for span in tempo.trace(trace_id))


def _gateway_line(loki: Loki, trace_id: str, since: float) -> bool:
    return any(line.service == "gateway" for line in loki.of_trace(trace_id, since - 5))


def test_metric_is_queryable_within_a_few_scrapes(
    stack: Stack, customer: Customer, prometheus: Prometheus, figures: Figures, evidence: Evidence
) -> None:
    """Without this a dashboard lags so far behind that a fix cannot be seen to work."""
    posts = 'http_server_request_duration_seconds_count{service="gateway",http_request_method="POST"}'
    query = f"sum(last_over_time({posts}[11s]))"
    sent, took = [], []

    def all_counted() -> bool:
        # Spread over one scrape interval: sent right after a scrape, each would wait for a whole one.
        if len(sent) < PAYMENTS_MEASURED and (not sent or time.time() - sent[-1].received_at > SPREAD_SECONDS):
            sent.append(customer.pay())
        counted, now = prometheus.value(query) - before, time.time()
        took.extend(now - one.received_at for one in sent[len(took) : int(counted)])
        return len(took) == PAYMENTS_MEASURED

    with silence(stack, lambda: _posts(stack)):
        before = _posts(stack)
        eventually("Prometheus to have what the page says", lambda: prometheus.value(query) == before, timeout=15)
        eventually("every payment to be counted", all_counted, timeout=30, interval=0.05)
    evidence(metric_seconds=figures.add("answer to queryable: metric", "s", took), query=query)
    assert max(took) < 15.0


def _posts(stack: Stack) -> float:
    """The same as the query, from the gateway's own page."""
    samples = samples_of(stack.url("gateway"), "http_server_request_duration_seconds_count")
    return sum(value for labels, value in samples.items() if ("http_request_method", "POST") in labels)


def test_collectors_queues_are_visible_and_nearly_empty(prometheus: Prometheus, evidence: Evidence) -> None:
    """Without this a store's outage is noticed when the queue is full and telemetry is lost."""
    exporters = {sample.labels["exporter"] for sample in prometheus.query("otelcol_exporter_queue_capacity")}
    assert len(exporters) == 4, f"a queue each for traces, logs, guests' logs and pushed metrics, found {exporters}"
    fullest = "max(otelcol_exporter_queue_size / otelcol_exporter_queue_capacity)"
    share = eventually("the queues to drain", lambda: prometheus.query(fullest), lambda found: found[0].value < 0.05)
    evidence(query=fullest, share=share[0].value, exporters=sorted(exporters))


def test_collector_refuses_and_drops_nothing_of_a_payment(
    customer: Customer, prometheus: Prometheus, evidence: Evidence
) -> None:
    """Without this telemetry disappears on its way and every count is wrong."""
    lost = (
        'sum({__name__=~"otelcol_(receiver_refused|receiver_failed|exporter_send_failed|exporter_enqueue_failed)'
        '_(spans|log_records)(_total)?"})'
    )
    received = 'sum({__name__=~"otelcol_receiver_accepted_(spans|log_records)(_total)?"})'
    before = prometheus.value(received), prometheus.value(lost)
    customer.pay()
    after = eventually(
        "the payment's spans at the collector",
        lambda: (prometheus.value(received), prometheus.value(lost)),
        lambda now: now[0] > before[0],
    )
    evidence(query=lost, lost=after[1] - before[1], received=after[0] - before[0])
    assert after[1] == before[1]


def test_tempos_generator_writes_the_service_graph(
    customer: Customer, prometheus: Prometheus, evidence: Evidence
) -> None:
    """Without this the map of services is empty."""
    customer.pay()
    query = "sum by (client, server) (traces_service_graph_request_total)"

    def edges() -> set[tuple[str, str]]:
        return {(sample.labels["client"], sample.labels["server"]) for sample in prometheus.query(query)}

    wanted = {("gateway", "auth"), ("gateway", "payments"), ("payments", "auth")}
    found = eventually("the edges of the service graph", edges, lambda seen: seen >= wanted, timeout=45, interval=0.5)
    evidence(query=query, edges=sorted(found))
    assert {server for _client, server in found} >= set(SERVICES) - {"gateway"}
