"""Metrics: scraped, named as documented, moving, and leading to a trace."""

import subprocess
import time
from collections.abc import Callable

import pytest

from sandbox.completeness.exposition import families_of
from sandbox.engines.native.programs import program
from sandbox.model.catalog import SERVICES, catalog
from sandbox.model.stack import Stack
from sandbox.traffic.customer import DECLINED_CARD, Customer
from sandbox_testing import direct
from sandbox_testing.polling import eventually
from sandbox_testing.stores import Prometheus
from testing.vocabulary import vocabulary
from tests.support.evidence import Evidence

LATENCY = "http_server_request_duration_seconds"
LABELS = set(vocabulary().labels("http_server_request_duration_seconds"))
PAGES = tuple(name for name, row in catalog().items() if "metrics" in row.signals)
SCRAPES = 20.0
"""Seconds in which a change must have been scraped: four scrapes."""


@pytest.mark.engine("network and names")
def test_every_scrape_target_is_up(prometheus: Prometheus, evidence: Evidence) -> None:
    """Without this a dashboard shows yesterday's picture of a component that nobody asks any more."""
    targets = [target for target in prometheus.targets() if target["labels"]["job"] != "optional"]
    evidence(query="up", targets=len(targets))
    down = [f"{target['scrapeUrl']}: {target['lastError']}" for target in targets if target["health"] != "up"]
    assert down == []
    assert {target["labels"]["service"] for target in targets} >= {*SERVICES, "prometheus", "loki", "tempo"}


def test_latency_exemplar_leads_to_a_payments_trace(
    customer: Customer, prometheus: Prometheus, telemetry_of: Callable, evidence: Evidence
) -> None:
    """Without this a slow point in the latency graph leads nowhere."""
    selector = f'{LATENCY}_bucket{{service="gateway",http_route="/api/payments",http_request_method="POST"}}'
    sent: list[str] = []

    def exemplars_of_ours() -> list[str]:
        # A bucket keeps its newest exemplar only, so somebody else's payment may take the place before the scrape.
        sent.append(customer.pay().trace_id)
        found = prometheus.exemplars(selector, started, time.time() + 5)
        stored = {one["labels"]["trace_id"] for series in found for one in series["exemplars"]}
        return sorted(stored & set(sent))

    started = time.time() - 1
    trace_id = eventually("an exemplar with our trace id", exemplars_of_ours, timeout=SCRAPES, interval=0.5)[0]
    evidence(trace_id=trace_id, query=selector)
    assert telemetry_of(trace_id).server_spans("payments")


@pytest.mark.parametrize("service", SERVICES)
def test_service_metrics_carry_documented_names_and_labels(
    stack: Stack, customer: Customer, prometheus: Prometheus, service: str, evidence: Evidence
) -> None:
    """Without this a dashboard or an alert asks for a name that no service exports, and stays silent."""
    customer.pay()
    for suffix in ("bucket", "count", "sum"):
        selector = f'{LATENCY}_{suffix}{{service="{service}"}}'
        # A service that was just started has no series of requests before its first scrape after one.
        series = eventually(f"series of {selector}", lambda asked=selector: prometheus.query(asked), timeout=SCRAPES)
        own = {
            "http_request_method",
            "http_route",
            "http_response_status_code",
            *(["le"] if suffix == "bucket" else []),
        }
        for sample in series:
            # A series of requests without an error has no error_type in Prometheus, which drops empty labels.
            assert set(sample.labels) - {"__name__", "instance", "job", "service", "team", "error_type"} == own
    [build] = prometheus.query(f'build_info{{service="{service}"}}')
    assert build.labels["version"] == stack.version(service)
    assert build.labels["environment"] == stack.environment
    evidence(query=f'build_info{{service="{service}"}}', version=build.labels["version"])


def test_routes_are_templates_whatever_is_asked(customer: Customer, prometheus: Prometheus, evidence: Evidence) -> None:
    """Without this a scanner that asks for a thousand addresses makes a thousand series, and Prometheus falls over."""
    for number in range(5):
        customer.send("GET", f"/api/no/such/page/{number}")
        customer.send("GET", f"/api/payments/00000000-0000-4000-8000-00000000000{number}")
    query = f'sum by (http_route) (last_over_time({LATENCY}_count{{service="gateway"}}[11s]))'

    def counted() -> set[str]:
        routes = {sample.labels["http_route"] for sample in prometheus.query(query)}
        assert "/api/payments/{payment_id}" in routes or any("{" in route for route in routes)
        return routes

    routes = eventually("the routes to be scraped", counted, timeout=SCRAPES)
    evidence(query=query, routes=len(routes))
    assert not [route for route in routes if "such" in route or "0000" in route]


BUSINESS = [
    'payments_total{outcome="authorised",currency="EUR"}',
    'payments_total{outcome="declined",currency="EUR"}',
    'logins_total{outcome="succeeded"}',
]


def test_business_metrics_move_while_customers_pay(
    customer: Customer, prometheus: Prometheus, evidence: Evidence
) -> None:
    """Without this the business learns of a day without payments from the bank."""
    before = {query: _fresh(prometheus, query) for query in BUSINESS}
    customer.pay()
    customer.pay(card=DECLINED_CARD)
    customer.login()
    for query in BUSINESS:
        eventually(
            f"{query} to rise above {before[query]:g}",
            lambda query=query: _fresh(prometheus, query),
            lambda now, query=query: now > before[query],
            timeout=SCRAPES,
        )
    evidence(query=BUSINESS[0], before=before[BUSINESS[0]])


def _fresh(prometheus: Prometheus, series: str) -> float:
    """The sum of the series over the last two scrapes: a stack that was just started has old series as well."""
    return prometheus.value(f"sum(last_over_time({series}[11s]))")


@pytest.mark.parametrize("service", SERVICES)
def test_request_counters_rise_under_load(
    customer: Customer, prometheus: Prometheus, service: str, evidence: Evidence
) -> None:
    """Without this a graph can be flat because nothing happens, or because nothing is counted."""
    query, requests = f'{LATENCY}_count{{service="{service}"}}', 20
    before = _fresh(prometheus, query)
    for _ in range(requests):
        customer.pay()
    after = eventually(
        f"{query} to rise by {requests}",
        lambda: _fresh(prometheus, query),
        lambda now: now >= before + requests,
        timeout=SCRAPES,
    )
    evidence(query=query, before=before, after=after)


@pytest.mark.parametrize("service", PAGES)
def test_live_metrics_page_is_what_the_vocabulary_says(stack: Stack, service: str, evidence: Evidence) -> None:
    """Without this a metric exists that no page documents, or under another name, type or label than documented."""
    known = {metric.name: metric for metric in vocabulary().of(service)}
    families = {family.name: family for family in families_of(stack.url(service))}
    ours = {name: family for name, family in families.items() if not name.startswith("process_")}
    assert sorted(set(ours) ^ set(known)) == []
    for name, family in ours.items():
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        assert (name, family.type, family.unit) == (name, known[name].kind, known[name].unit)
        assert (name, labels - set(known[name].labels)) == (name, set())
        assert family.documentation == known[name].help
        steps = {float(one.labels["le"]) for one in family.samples if "le" in one.labels} - {float("inf")}
        assert (name, sorted(steps)) in ((name, list(known[name].buckets)), (name, []))
    evidence(query=f"{stack.url(service)}/metrics", families=len(ours))


@pytest.mark.parametrize("service", PAGES)
def test_prometheus_own_linter_has_nothing_to_say_about_a_live_page(
    stack: Stack, service: str, evidence: Evidence
) -> None:
    """Without this names drift from what every Prometheus user expects, and dashboards of others do not fit."""
    page = direct.get(f"{stack.url(service)}/metrics", headers={"accept": "text/plain"}, timeout=5.0).raise_for_status()
    command = [program("IMAGE_PROMETHEUS", "/bin/promtool"), "check", "metrics"]
    done = subprocess.run(command, input=page.content, capture_output=True, timeout=30, check=False)
    evidence(query=f"promtool check metrics < {stack.url(service)}/metrics", bytes=len(page.content))
    assert (done.returncode, done.stdout.decode(), done.stderr.decode()) == (0, "", "")
    assert page.content.count(b"# TYPE ") > 0
