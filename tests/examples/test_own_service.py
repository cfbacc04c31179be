"""Programs that this project did not write, started with standard environment variables alone, are observed whole."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from sandbox.dashboards.queries import load
from sandbox.dashboards.shown import EVERY_SERVICE_HAS, shown
from sandbox_testing.observe import Telemetry
from sandbox_testing.polling import eventually
from sandbox_testing.stores import Bugsink, Loki, Message, Prometheus, Tempo
from tests.examples.conftest import Asked, ask
from tests.support.examples import CHAIN, Guest

each = pytest.mark.parametrize("service", CHAIN)
ROUTES = {"shop": "/books/{title}", "prices": "/prices/:title", "stock": "/stock/{title}"}


@pytest.mark.engine("network and names")
def test_one_request_is_one_trace_through_three_languages(sale: Asked, tempo: Tempo) -> None:
    """Without it nobody sees where a request of their own system went."""

    def servers() -> dict[str, str]:
        return {span.service: span.name for span in tempo.trace(sale.trace_id) if span.kind == "SERVER"}

    names = eventually("a server span of each service", servers, lambda found: set(found) == set(CHAIN))
    assert names == {name: f"GET {route}" for name, route in ROUTES.items()}
    spans = {span.span_id: span for span in tempo.trace(sale.trace_id)}
    for caller, called in (("shop", "prices"), ("prices", "stock")):
        [server] = [one for one in spans.values() if one.service == called and one.kind == "SERVER"]
        assert (spans[server.parent_id].service, spans[server.parent_id].kind) == (caller, "CLIENT")


@each
def test_log_lines_of_a_guest_lead_to_its_trace(
    service: str, sale: Asked, telemetry_of: Callable[..., Telemetry]
) -> None:
    seen = telemetry_of(sale.trace_id)
    lines = seen.of_service(service)
    assert {line.metadata["detected_level"] for line in lines} == {"info"}
    own = {span.span_id for span in seen.spans if span.service == service}
    assert {line.metadata["span_id"] for line in lines} <= own


@pytest.mark.engine("network and names")
@each
def test_request_metrics_of_a_guest_have_the_names_of_the_house(
    service: str, sale: Asked, prometheus: Prometheus
) -> None:
    """Every panel and rule that asks for requests by service finds it; the metrics of stock are scraped."""
    labels = f'service="{service}",http_route="{ROUTES[service]}",http_response_status_code="200"'
    metric = f"http_server_request_duration_seconds_count{{{labels}}}"
    eventually(f"{metric} in Prometheus", lambda: prometheus.value(metric), lambda count: count == 1)


@each
def test_span_metrics_of_a_guest_are_made_from_its_traces(service: str, sale: Asked, prometheus: Prometheus) -> None:
    """A guest that sends nothing but spans has a dashboard, an objective and alerts from these."""
    labels = f'service="{service}",span_kind="SPAN_KIND_SERVER",span_name="GET {ROUTES[service]}"'
    metric = f"traces_spanmetrics_calls_total{{{labels}}}"
    eventually(f"{metric} in Prometheus", lambda: prometheus.value(metric), lambda count: count == 1)


def test_page_of_metrics_of_a_guest_is_scraped_through_a_file_in_targets(sale: Asked, prometheus: Prometheus) -> None:
    """A service that has no more than a page of metrics is observed, too: it need not push."""
    up = eventually("the target stock", lambda: prometheus.query('up{job="guests",service="stock"}'))
    assert [sample.value for sample in up] == [1.0]
    requests = 'count by (job) (http_server_request_duration_seconds_count{service="stock"})'
    found = eventually(f"{requests} in Prometheus", lambda: prometheus.query(requests))
    assert [sample.labels["job"] for sample in found] == ["guests"]


@each
def test_dashboard_of_services_shows_a_guest(
    service: str, guests: dict[str, Guest], sale: Asked, prometheus: Prometheus
) -> None:
    """Nobody made a dashboard for it, and it is there to be chosen, with every panel that spans can fill."""
    board = load("service")

    def panels() -> set[str]:
        # A percentile is of the requests of the last minute: there must be some, and no route of the tests counts them.
        ask(guests[service], "/no-such-page")
        return shown(prometheus, board, service)

    eventually(
        f"the panels of {service}",
        panels,
        lambda panels: panels >= EVERY_SERVICE_HAS,
        timeout=40.0,
        interval=0.5,
    )


@pytest.mark.parametrize(("client", "server"), [("shop", "prices"), ("prices", "stock")])
def test_service_map_shows_who_calls_whom(client: str, server: str, sale: Asked, prometheus: Prometheus) -> None:
    edge = f'traces_service_graph_request_total{{client="{client}",server="{server}"}}'
    eventually(f"{edge} in Prometheus", lambda: prometheus.value(edge), lambda count: count >= 1, timeout=40.0)


@each
def test_an_error_of_a_guest_is_in_trace_log_metric_and_tracker(
    service: str,
    failures: dict[str, Asked],
    tempo: Tempo,
    loki: Loki,
    prometheus: Prometheus,
    bugsink: Bugsink,
) -> None:
    trace_id, since = failures[service].trace_id, failures[service].sent_at - 60
    spans = eventually(f"the trace of the error of {service}", lambda: tempo.trace(trace_id))
    assert "ERROR" in {span.status for span in spans if span.kind == "SERVER"}
    lines = eventually(
        f"the error line of {service}",
        lambda: [one for one in loki.of_trace(trace_id, since) if one.metadata["detected_level"] == "error"],
    )
    assert any("exception_type" in line.metadata for line in lines)
    metric = f'http_server_request_duration_seconds_count{{service="{service}",http_response_status_code="500"}}'
    eventually(f"{metric} in Prometheus", lambda: prometheus.value(metric), lambda count: count >= 1)
    project = bugsink.projects()["guests"]
    events = eventually(
        f"the error event of {service}",
        lambda: [one for one in bugsink.events(project, since) if one.trace_id == trace_id],
        timeout=30.0,
        interval=0.5,
    )
    assert len(events) == 1


def test_personal_values_of_a_guest_are_masked_before_they_are_stored(
    guests: dict[str, Guest], tempo: Tempo, loki: Loki
) -> None:
    """A foreign SDK records addresses, queries and whatever its author logs; the stores must not have them."""
    since = time.time() - 5
    asked = ask(guests["shop"], "/books/ada%40example.com?password=correct-horse-battery")
    assert asked.status == 200
    raw = eventually("the trace of a personal request", lambda: tempo.raw(asked.trace_id), timeout=20.0)
    lines = eventually(
        "its lines", lambda: loki.of_trace(asked.trace_id, since), lambda found: len(found) >= len(CHAIN)
    )
    stored = [str(raw), *(line.text for line in lines)]
    assert not [text for text in stored if "ada@example.com" in text or "ada%40example.com" in text]
    assert not [text for text in stored if "correct-horse-battery" in text]


def test_a_guest_that_fails_burns_the_default_objective_and_pages(
    guests: dict[str, Guest], wait_for_alert: Callable[..., dict[str, Any]], wait_for_mail: Callable[..., Message]
) -> None:
    """Nobody wrote a rule for it; whoever is on call is told all the same."""
    since = time.time()
    for _ in range(20):
        ask(guests["stock"], "/broken")
    alert = wait_for_alert("ServiceErrorBudgetBurn", service="stock", severity="page", timeout=60.0)
    assert "of requests fail" in alert["annotations"]["summary"]
    assert wait_for_mail("stock", since=since, timeout=60.0).recipients
