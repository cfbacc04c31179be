"""Every dashboard shows something: each query of each panel, variable, annotation and link is asked of its store."""

import json
import re
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import pytest

from sandbox.dashboards.queries import Query, dashboards, panels_of, queries_of, values_of
from sandbox.dashboards.shown import EVERY_SERVICE_HAS, offered
from sandbox.dashboards.snapshot import render
from sandbox.model.catalog import SERVICES
from sandbox.model.stack import Stack
from sandbox.traffic.customer import DECLINED_CARD, Customer
from sandbox_testing import direct
from sandbox_testing.polling import eventually
from sandbox_testing.stores import Loki, Prometheus, Tempo
from tests.support.evidence import Evidence
from tests.support.promql import absent_metrics
from tests.support.reading import here

BOARDS = dashboards()
# Stands for the trace id of a request that failed, which only the run knows.
TRACE = "%trace%"
CHOSEN = {"service": "payments", "trace": TRACE}
QUERIES = [query for board in BOARDS.values() for query in queries_of(board, values_of(board, CHOSEN))]
# Together they have every kind of panel; `make gate` draws all dashboards.
PICTURED = ("overview", "slo", "logs-traces")
MINUTES = 60.0
SLOW_MS = 300


@pytest.fixture(scope="module", autouse=True)
def failed_trace(stack: Stack) -> str:
    """Traffic of every kind, so that each panel has something to show; the id of a request that failed."""
    control = f"{stack.url('acquirer')}/control"
    with Customer(stack.url("gateway")) as person:
        person.arrive()
        for _ in range(3):
            person.pay()
            person.pay(card=DECLINED_CARD)
            failed = [person.send("POST", f"/api/debug/{service}/error") for service in SERVICES]
            person.send("GET", "/api/payments")
        direct.put(control, json={"latency_ms": SLOW_MS}, timeout=5.0).raise_for_status()
        try:
            person.pay()
        finally:
            direct.put(control, json={}, timeout=5.0).raise_for_status()
    return failed[-1].trace_id


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_every_panel_query_returns_data(
    query: Query, prometheus: Prometheus, loki: Loki, tempo: Tempo, failed_trace: str, evidence: Evidence
) -> None:
    """Without this a panel says "No data" and nobody knows whether that is good news.

    A Prometheus query that is empty while all is well is only asked here; tests/config/rules shows that it speaks up.
    """
    expression = query.expression.replace(TRACE, failed_trace)
    ask = _asker(query, prometheus, loki, tempo)
    evidence(query=expression)
    if query.quiet and query.store == "prometheus":
        evidence(series=len(ask(expression)), empty_means=query.quiet)
        return
    answer = eventually(f"data of {query}: {expression}", lambda: ask(expression), timeout=30, interval=0.5)
    evidence(series=len(answer))


def test_every_metric_that_a_panel_asks_for_exists(prometheus: Prometheus, evidence: Evidence) -> None:
    """Without this a misspelt name in a panel that is empty while all is well looks like health for ever."""
    asked, absent = absent_metrics(
        prometheus, {str(one): one.expression for one in QUERIES if one.store == "prometheus"}
    )
    evidence(metrics=asked)
    assert asked > 60
    assert absent == {}


def test_each_choice_of_a_variable_is_offered(prometheus: Prometheus, evidence: Evidence) -> None:
    """Without this a dashboard opens with nothing to choose, and every panel in it is empty."""
    for uid, board in BOARDS.items():
        for variable in board["templating"].get("list", []):
            if variable["type"] == "query":
                choices = offered(prometheus, variable["query"])
                evidence(**{f"{uid}.{variable['name']}": sorted(choices)})
                assert choices, f"{uid} offers nothing for {variable['name']}"
                if variable["name"] == "service":
                    assert set(SERVICES) <= choices


def test_service_that_only_sends_spans_has_its_dashboard(
    stack: Stack, prometheus: Prometheus, evidence: Evidence
) -> None:
    """Without this a service that somebody brings along, with nothing but a tracer in it, stays invisible."""
    board, name = BOARDS["service"], "spans-only"

    def busy_and_seen(expression: str) -> list[Any]:
        _send_span(stack, name)
        return prometheus.query(expression)

    calls = f'traces_spanmetrics_calls_total{{service="{name}"}}'
    eventually(f"metrics made of the spans of {name}", lambda: busy_and_seen(calls), timeout=30, interval=0.5)
    assert name in offered(prometheus, next(v["query"] for v in board["templating"]["list"] if v["name"] == "service"))
    values = values_of(board, {"service": name}, seconds=300, step=60)
    asked = [one for one in queries_of(board, values) if one.store == "prometheus" and one.panel in EVERY_SERVICE_HAS]
    answered = eventually(
        f"every panel of {name}",
        lambda: {query.panel for query in asked if busy_and_seen(query.expression)},
        lambda panels: panels == EVERY_SERVICE_HAS,
        interval=0.5,
    )
    evidence(service=name, panels=sorted(answered))


def test_every_link_out_of_a_dashboard_leads_somewhere(stack: Stack, evidence: Evidence) -> None:
    """Without this a click in the middle of an incident ends in "not found"."""
    urls = sorted({url for board in BOARDS.values() for url in _urls(board) if url.startswith("http")})
    assert urls
    for url in urls:
        # What a dashboard fills in: the name of an alert will do everywhere.
        address = here(stack, re.sub(r"\$\{[^}]+\}", "Watchdog", url))
        answer = direct.get(address, timeout=10.0, follow_redirects=True)
        assert answer.is_success, f"{url} answered {answer.status_code}"
    evidence(links=urls)


def test_explore_links_carry_a_query_that_grafana_can_read() -> None:
    """Without this the link opens an empty page."""
    for board in BOARDS.values():
        for url in _urls(board):
            if url.startswith("/explore"):
                [panes] = parse_qs(urlsplit(url).query)["panes"]
                [pane] = json.loads(unquote(panes)).values()
                assert [query["datasource"]["uid"] for query in pane["queries"]] == [pane["datasource"]]


def test_pictured_dashboards_have_every_kind_of_panel() -> None:
    """Without this a kind of panel that no picture can show is noticed in an incident."""
    kinds = {uid: {panel["type"] for panel in panels_of(board)} for uid, board in BOARDS.items()}
    assert set().union(*(kinds[uid] for uid in PICTURED)) == set().union(*kinds.values())


@pytest.mark.parametrize("uid", PICTURED)
def test_picture_of_a_dashboard_is_drawn_from_live_data(
    stack: Stack, uid: str, failed_trace: str, evidence: Evidence
) -> None:
    """Without this an incident report, a failed run and everybody without Grafana see nothing."""
    end = time.time()
    to, chosen = stack.reports / "snapshot" / f"{uid}.png", {"trace": failed_trace} if uid == "logs-traces" else {}
    path = render(uid, end - 5 * MINUTES, end, to, variables=chosen, stack=stack)
    evidence(picture=str(path), bytes=path.stat().st_size)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert path.stat().st_size > 20_000


# ---------------------------------------------------------------- with Grafana


@pytest.fixture
def grafana(stack: Stack, evidence: Evidence) -> Iterator[httpx.Client]:
    """Grafana's API as its administrator; the test is skipped where none answers."""
    try:
        direct.get(f"{stack.url('grafana')}/api/health", timeout=2.0).raise_for_status()
    except httpx.TransportError:
        evidence(grafana="skipped: no Grafana")
        pytest.skip("skipped: no Grafana")
    login = ("admin", stack.settings["GRAFANA_ADMIN_PASSWORD"])
    with httpx.Client(base_url=stack.url("grafana"), auth=login, timeout=10.0, verify=direct.certificates()) as client:
        yield client


@pytest.mark.engine("Grafana, which only Docker has")
def test_grafana_reaches_every_data_source(grafana: httpx.Client, evidence: Evidence) -> None:
    """Without this Grafana opens, and every panel in it fails."""
    sources = grafana.get("/api/datasources").raise_for_status().json()
    health = {one["name"]: grafana.get(f"/api/datasources/uid/{one['uid']}/health").json() for one in sources}
    evidence(data_sources=sorted(health))
    assert {one["type"] for one in sources} >= {"prometheus", "loki", "tempo"}
    asked = {name: answer for name, answer in health.items() if "status" in answer}
    assert {name: answer["status"] for name, answer in asked.items()} == dict.fromkeys(asked, "OK"), json.dumps(health)


@pytest.mark.engine("Grafana, which only Docker has")
def test_grafana_has_every_dashboard_as_generated(grafana: httpx.Client, evidence: Evidence) -> None:
    """Without this a link in a mail opens "dashboard not found"."""
    for uid, board in BOARDS.items():
        held = grafana.get(f"/api/dashboards/uid/{uid}").raise_for_status().json()["dashboard"]
        assert [panel["title"] for panel in held["panels"]] == [panel["title"] for panel in board["panels"]]
    evidence(dashboards=sorted(BOARDS))


@pytest.mark.engine("Grafana, which only Docker has")
def test_grafana_answers_every_panel_query(grafana: httpx.Client, evidence: Evidence) -> None:
    """Without this a query works in its store and fails in the panel."""
    asked = 0
    for query in QUERIES:
        if query.store in ("prometheus", "loki"):
            target = {"refId": "A", "datasource": {"type": query.store, "uid": query.store}, "expr": query.expression}
            how = {"range": True, "queryType": "range", "intervalMs": 15000, "maxDataPoints": 100}
            body = {"from": "now-15m", "to": "now", "queries": [{**target, **how}]}
            answer = grafana.post("/api/ds/query", json=body).raise_for_status().json()
            assert "error" not in answer["results"]["A"], f"{query}: {answer['results']['A']}"
            asked += 1
    evidence(queries=asked)


def _asker(query: Query, prometheus: Prometheus, loki: Loki, tempo: Tempo) -> Callable[[str], list[Any]]:
    """What asks the store of a query about the last quarter of an hour; an empty answer is an empty list."""

    def of_loki(expression: str) -> list[Any]:
        span = {"start": int((time.time() - 15 * MINUTES) * 1e9), "end": int(time.time() * 1e9), "step": 15}
        return loki.get("/loki/api/v1/query_range", query=expression, **span)["data"]["result"]

    def of_tempo(expression: str) -> list[Any]:
        span = {"start": int(time.time() - 15 * MINUTES), "end": int(time.time()) + 1}
        return tempo.get("/api/search", q=expression, **span).get("traces") or []

    if query.kind == "trace":
        return tempo.trace
    return {"prometheus": prometheus.query, "loki": of_loki, "tempo": of_tempo}[query.store]


def _send_span(stack: Stack, service: str) -> None:
    """One server span, as a tracer alone would send it, through the collector."""
    now = time.time_ns()
    span = {
        "traceId": secrets.token_hex(16),
        "spanId": secrets.token_hex(8),
        "name": "GET /things",
        "kind": 2,
        "startTimeUnixNano": str(now - 20_000_000),
        "endTimeUnixNano": str(now),
    }
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    body = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}
    direct.post(f"{stack.url('otlp_http')}/v1/traces", json=body, timeout=5.0).raise_for_status()


def _urls(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("url"), str):
            yield node["url"]
        for value in node.values():
            yield from _urls(value)
    elif isinstance(node, list):
        for one in node:
            yield from _urls(one)
