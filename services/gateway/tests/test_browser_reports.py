"""Browsers' reports are validated, rebuilt, forwarded and counted; sending is retried while a store is unavailable."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from statistics import median
from typing import Any

import httpx
import pytest

from gateway.reports import Rejected, unpack_envelope
from gateway.tests.conftest import FakePayments, log_in, running_gateway
from testing.process import Running, free_port, until

APPS = "frontend-shell,frontend-payments"


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture
def store() -> FakePayments:
    """Replaces tracker and collector."""
    return FakePayments(status=200)


@pytest.fixture(scope="module")
def gateway(auth: Running, port: int) -> Iterator[tuple[Running, httpx.Client]]:
    with running_gateway(auth.url, 9, **_variables(port)) as both:
        yield both


def _variables(port: int) -> dict[str, str]:
    return {
        "FRONTEND_APPS": APPS,
        "FRONTEND_DSNS": f"frontend-shell=http://abc@127.0.0.1:{port}/4",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
        "OTEL_TRACES_EXPORTER": "none",
    }


class Counted:
    """Increase of a counter since the test began."""

    def __init__(self, running: Running, name: str, **labels: str) -> None:
        self._read = lambda: running.sample(name, **labels)
        self._before = self._read()

    @property
    def rise(self) -> float:
        return self._read() - self._before


def envelope(port: int, **event: Any) -> str:
    """Return an envelope as Sentry's SDK writes it, with content that our pages never send."""
    content = {
        "event_id": "ab" * 16,
        "release": "frontend-shell@1.0.0",
        "platform": "javascript",
        "level": "error",
        "timestamp": time.time(),
        "exception": {"values": [{"type": "TypeError", "value": "secret of a person", "stacktrace": {"frames": []}}]},
        "user": {"email": "person@example.com", "ip_address": "203.0.113.9"},
        "request": {"url": "http://shop.example.com/?mail=person@example.com"},
        "breadcrumbs": [{"message": "typed 4242424242424242"}],
        "tags": {"service": "frontend-shell", "team": "edge", "mail": "person@example.com"},
        **event,
    }
    header = {"dsn": f"http://abc@127.0.0.1:{port}/4"}
    return "\n".join(json.dumps(part) for part in (header, {"type": "event"}, content))


def spans(app: str = "frontend-shell", **changes: Any) -> dict[str, Any]:
    now = time.time_ns()
    span = {
        "traceId": "ab" * 16,
        "spanId": "cd" * 8,
        "name": "click pay",
        "kind": 1,
        "startTimeUnixNano": str(now - 5_000_000),
        "endTimeUnixNano": str(now),
        "attributes": [
            {"key": "http.request.method", "value": {"stringValue": "POST"}},
            {"key": "url.full", "value": {"stringValue": "http://shop/?mail=person@example.com"}},
        ],
        **changes,
    }
    resource = [
        {"key": "service.name", "value": {"stringValue": app}},
        {"key": "service.version", "value": {"stringValue": "1.0.0"}},
        {"key": "host.name", "value": {"stringValue": "a person's computer"}},
    ]
    return {"resourceSpans": [{"resource": {"attributes": resource}, "scopeSpans": [{"spans": [span]}]}]}


def test_event_reaches_the_project_of_its_dsn_with_what_the_policy_keeps(
    gateway: tuple[Running, httpx.Client], store: FakePayments, port: int
) -> None:
    running, api = gateway
    exported = Counted(running, "browser_error_events_total", outcome="exported")
    with store.listening(port):
        assert api.post("/telemetry/errors", content=envelope(port)).status_code == 202
        until(lambda: store.seen, "the tracker has the event")
        until(lambda: exported.rise == 1, "it is counted")
    [request] = store.seen
    assert request.url.path == "/api/4/envelope/"
    assert "sentry_key=abc" in request.headers["X-Sentry-Auth"]
    text = store.bodies[0].decode()
    for personal in ("person@example.com", "203.0.113.9", "4242424242424242", "secret of a person", "breadcrumbs"):
        assert personal not in text
    assert '"type":"TypeError"' in text
    assert '"team":"edge"' in text


def test_spans_reach_the_collector_with_what_the_policy_keeps(
    gateway: tuple[Running, httpx.Client], store: FakePayments, port: int
) -> None:
    running, api = gateway
    exported = Counted(running, "browser_spans_total", outcome="exported")
    with store.listening(port):
        assert api.post("/telemetry/traces", json=spans()).status_code == 202
        until(lambda: store.seen, "the collector has the span")
        until(lambda: exported.rise == 1, "it is counted")
    assert store.seen[0].url.path == "/v1/traces"
    text = store.bodies[0].decode()
    assert "person" not in text
    assert '"http.request.method"' in text
    assert '"deployment.environment.name","value":{"stringValue":"dev"}' in text


@pytest.mark.parametrize(
    "body",
    [
        "",
        "nonsense",
        "{}",
        '{"dsn": "http://abc@elsewhere:1/4"}\n{"type": "event"}\n{}',
        '{"dsn": 1}\n{"type": "session"}\n{}',
    ],
)
def test_what_is_no_event_of_ours_is_refused_and_counted(gateway: tuple[Running, httpx.Client], body: str) -> None:
    running, api = gateway
    invalid = Counted(running, "browser_error_events_total", outcome="invalid")
    assert problem_of(api.post("/telemetry/errors", content=body)) == (400, "not-an-event")
    assert invalid.rise == 1


def transaction(port: int, **changes: Any) -> str:
    """Return a transaction as Sentry's own tracing writes it, with content that the policy removes."""
    now = time.time()
    ids = {"trace_id": "ab" * 16, "span_id": "cd" * 8}
    content = {
        "type": "transaction",
        "event_id": "ef" * 16,
        "release": "frontend-shell@1.0.0",
        "transaction": "documentLoad",
        "start_timestamp": now - 1,
        "timestamp": now,
        "contexts": {"trace": {**ids, "op": "pageload", "data": {"url.full": "http://shop/?mail=person@example.com"}}},
        "spans": [{**ids, "op": "resource.script", "description": "/a?card=4242424242424242", "timestamp": now}],
        "measurements": {"lcp": {"value": 120.5, "unit": "millisecond"}, "person@example.com": {"value": 1}},
        "request": {"url": "http://shop/?mail=person@example.com"},
        "user": {"email": "person@example.com"},
        "tags": {"service": "frontend-shell", "mail": "person@example.com"},
        **changes,
    }
    header = {"dsn": f"http://abc@127.0.0.1:{port}/4"}
    return "\n".join(json.dumps(part) for part in (header, {"type": "transaction"}, content))


def test_transaction_is_passed_on_without_anything_personal_to_a_server_that_keeps_them(
    auth: Running, store: FakePayments, port: int
) -> None:
    with running_gateway(auth.url, 9, **_variables(port), SENTRY_TRACES_SAMPLE_RATE="1.0") as (running, api):
        exported = Counted(running, "browser_spans_total", app="frontend-shell", outcome="exported")
        with store.listening(port):
            assert api.post("/telemetry/errors", content=transaction(port)).status_code == 202
            until(lambda: exported.rise == 2, "itself and its span are counted")
    assert store.seen[0].url.path == "/api/4/envelope/"
    _, item, sent = (json.loads(line) for line in store.bodies[0].splitlines())
    assert item == {"type": "transaction"}
    assert sent["contexts"]["trace"] == {"trace_id": "ab" * 16, "span_id": "cd" * 8, "op": "pageload"}
    assert [span["op"] for span in sent["spans"]] == ["resource.script"]
    assert sent["measurements"] == {"lcp": {"value": 120.5, "unit": "millisecond"}}
    assert sent["tags"] == {"service": "frontend-shell"}
    assert not {"person", "4242", "shop"} & set(re.findall(r"\w+", store.bodies[0].decode()))


@pytest.mark.parametrize(
    "wrong",
    [{"timestamp": "now"}, {"contexts": {}}, {"spans": [{"span_id": "x"}]}, {"event_id": None}],
    ids=["no time", "no trace", "no span id", "no id"],
)
def test_transaction_that_is_none_is_refused(port: int, wrong: dict[str, Any]) -> None:
    with pytest.raises(Rejected):
        unpack_envelope(transaction(port, **wrong).encode(), transactions=True)


def test_transaction_is_refused_where_nobody_asked_for_them(gateway: tuple[Running, httpx.Client], port: int) -> None:
    """The sandbox's tracker would discard it."""
    assert problem_of(gateway[1].post("/telemetry/errors", content=transaction(port))) == (400, "not-an-event")


def test_event_for_a_tracker_that_is_not_ours_is_not_sent_there(
    gateway: tuple[Running, httpx.Client], store: FakePayments, port: int
) -> None:
    """The route is public: it must not become a way to send requests to any host."""
    with store.listening(port):
        foreign = envelope(port).replace("abc@127.0.0.1", "abc@localhost")
        assert gateway[1].post("/telemetry/errors", content=foreign).status_code == 400
    assert store.seen == []


@pytest.mark.parametrize(
    "wrong",
    [
        spans("gateway"),
        spans(traceId="x"),
        spans(kind=2),
        spans(startTimeUnixNano="1"),
        {"resourceSpans": []},
        {"resourceSpans": "many"},
        [],
    ],
    ids=["not a frontend", "no trace id", "a server", "long ago", "none", "no list", "no object"],
)
def test_what_are_no_spans_of_ours_is_refused_and_counted(gateway: tuple[Running, httpx.Client], wrong: Any) -> None:
    running, api = gateway
    invalid = Counted(running, "browser_spans_total", outcome="invalid")
    assert problem_of(api.post("/telemetry/traces", json=wrong)) == (400, "not-spans")
    assert invalid.rise == 1


def test_one_address_cannot_flood_the_stores(auth: Running, port: int) -> None:
    with running_gateway(auth.url, 9, **_variables(port), RATE_LIMIT_BROWSER="20/minute") as (running, api):
        answers = [api.post("/telemetry/traces", json={}).status_code for _ in range(25)]
        assert answers == [400] * 20 + [429] * 5
        assert running.sample("browser_spans_total", outcome="limited") == 5
        assert api.get("/api/auth/me").status_code == 401, "reports are counted apart from requests"


def test_report_that_is_too_large_is_refused(gateway: tuple[Running, httpx.Client], port: int) -> None:
    huge = envelope(port, extra={"text": "x" * 70_000})
    assert gateway[1].post("/telemetry/errors", content=huge).status_code == 413


def test_events_wait_for_a_tracker_that_is_away_and_arrive_once(
    gateway: tuple[Running, httpx.Client], store: FakePayments, port: int
) -> None:
    running, api = gateway
    exported = Counted(running, "browser_error_events_total", outcome="exported")
    for number in range(5):
        answer = api.post("/telemetry/errors", content=envelope(port, event_id=f"{number:032x}"))
        assert answer.status_code == 202
        assert answer.elapsed.total_seconds() < 5, "nobody waits for the tracker"
    with store.listening(port):
        until(lambda: exported.rise == 5, "all five arrived")
    found = [json.loads(body.splitlines()[2])["event_id"] for body in store.bodies]
    assert found == [f"{number:032x}" for number in range(5)]


def test_events_past_the_trackers_caps_are_counted_as_refused(
    gateway: tuple[Running, httpx.Client], store: FakePayments, port: int
) -> None:
    running, api = gateway
    refused = Counted(running, "browser_error_events_total", outcome="refused")
    store.status = 429
    with store.listening(port):
        assert api.post("/telemetry/errors", content=envelope(port)).status_code == 202
        until(lambda: refused.rise == 1, "the loss is visible")


def test_payments_take_no_longer_while_the_tracker_refuses_a_flood(
    auth: Running, payments: FakePayments, payments_port: int, store: FakePayments, port: int
) -> None:
    """Events above the tracker's limits are counted as refused, and no customer waits for them."""
    store.status = 429
    variables = {**_variables(port), "RATE_LIMIT_BROWSER": "100000/minute"}
    with running_gateway(auth.url, payments_port, **variables) as (running, api), store.listening(port):
        customer = log_in(api)
        calm = median(customer.pay().elapsed.total_seconds() for _ in range(20))
        during = []
        for _ in range(20):
            for number in range(10):
                body = envelope(port, event_id=f"{number:032x}")
                assert api.post("/telemetry/errors", content=body).status_code == 202
            during.append(customer.pay().elapsed.total_seconds())
        until(lambda: running.sample("browser_error_events_total", outcome="refused") == 200, "every loss is counted")
    assert median(during) <= 3 * calm + 0.1


def problem_of(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    return answer.status_code, body["type"].removeprefix("urn:problem:")
