"""Which requests have access, and which parts of a request are forwarded."""

from __future__ import annotations

import httpx
import pytest

from gateway.api import ROUTES, Access, Route
from gateway.tests.conftest import Customer, FakePayments, log_in, problem, running_gateway
from testing.process import Running

_NEEDS_TOKEN = [route for route in ROUTES if route.access is not Access.OPEN]
_MOVES_MONEY = [route for route in ROUTES if route.access is Access.LIVE_SESSION]


def _send(api: httpx.Client, route: Route, **options: object) -> httpx.Response:
    return api.request(route.method, route.path.format(payment_id="abc"), **options)


def _name(route: Route) -> str:
    return f"{route.method} {route.path}"


@pytest.mark.parametrize("route", _NEEDS_TOKEN, ids=_name)
def test_route_refuses_requests_without_a_token(api: httpx.Client, payments: FakePayments, route: Route) -> None:
    assert problem(_send(api, route)) == (401, "token-missing")
    assert payments.seen == []


@pytest.mark.parametrize("route", _NEEDS_TOKEN, ids=_name)
def test_route_refuses_a_forged_token(api: httpx.Client, customer: Customer, payments: FakePayments, route: Route):
    token = customer.tokens["access_token"]
    header, payload, signature = token.split(".")
    forged = f"{header}.{payload}.{signature[::-1]}"
    status, kind = problem(_send(api, route, headers={"Authorization": f"Bearer {forged}"}))
    assert status == 401
    assert kind in {"token-bad-signature", "token-malformed"}
    assert payments.seen == []
    reason = kind.removeprefix("token-").replace("-", "_")
    assert f'tokens_rejected_total{{reason="{reason}"}}' in api.get("/metrics").text


@pytest.mark.parametrize("route", _MOVES_MONEY, ids=_name)
def test_money_does_not_move_after_logging_out(
    api: httpx.Client, customer: Customer, payments: FakePayments, route: Route
) -> None:
    assert _send(api, route, headers=customer.bearer, json={}).status_code == 200
    payments.forget()
    assert api.post("/api/auth/logout", headers=customer.bearer).status_code == 204
    assert problem(_send(api, route, headers=customer.bearer, json={})) == (401, "token-session-ended")
    assert payments.seen == [], "card data must not travel for a session that has ended"


def test_reading_asks_auth_nothing(customer: Customer, payments: FakePayments, auth: Running) -> None:
    customer.list_payments()
    before = auth.events().count("http.access")
    assert customer.list_payments().status_code == 200
    assert auth.events().count("http.access") == before


def test_only_headers_of_the_allow_list_reach_a_service(customer: Customer, payments: FakePayments) -> None:
    hostile = {"Cookie": "a=b", "X-Forwarded-For": "10.0.0.1", "X-Original-Url": "/admin", "Host": "evil.test"}
    customer.pay(**hostile, **{"Idempotency-Key": "key"})
    headers = payments.seen[0].headers
    assert headers["idempotency-key"] == "key"
    assert headers["content-type"] == "application/json"
    assert headers["authorization"] == customer.bearer["Authorization"]
    assert not {"cookie", "x-forwarded-for", "x-original-url"} & set(headers)
    assert headers["host"].startswith("127.0.0.1:")


def test_only_headers_of_the_allow_list_reach_the_client(customer: Customer, payments: FakePayments) -> None:
    answer = customer.pay()
    assert not {"x-internal", "set-cookie", "server"} & set(answer.headers)
    assert answer.headers["Cache-Control"] == "no-store"


def test_only_known_query_parameters_reach_a_service(api: httpx.Client, customer: Customer, payments: FakePayments):
    api.get("/api/payments?limit=5&cursor=a%26b%3D1&admin=true&limit=9", headers=customer.bearer)
    assert dict(payments.seen[0].query_params) == {"limit": "9", "cursor": "a&b=1"}


def test_trace_of_the_caller_is_continued(customer: Customer, payments: FakePayments) -> None:
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    answer = customer.pay(traceparent=f"00-{trace_id}-00f067aa0ba902b7-01")
    assert answer.headers["X-Trace-Id"] == trace_id
    assert payments.seen[0].headers["traceparent"].split("-")[1] == trace_id


@pytest.mark.parametrize("traceparent", ["", "00-zz", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "x" * 4000])
def test_invalid_trace_of_the_caller_is_replaced(customer: Customer, payments: FakePayments, traceparent: str) -> None:
    answer = customer.pay(traceparent=traceparent)
    assert answer.status_code == 200
    assert int(answer.headers["X-Trace-Id"], 16) > 0


@pytest.mark.parametrize("name", ["..%2Fsession", "%2e%2e", "a%00b", "a%20b", "a" * 65, "caf%C3%A9", "a;b", "a%3Fb"])
def test_identifier_that_is_none_reaches_no_service(
    api: httpx.Client, customer: Customer, payments: FakePayments, name: str
) -> None:
    assert api.get(f"/api/payments/{name}", headers=customer.bearer).status_code == 404
    assert payments.seen == []


@pytest.mark.parametrize(
    "path", ["/session", "/payments", "/api/auth/session", "/api/debug", "/docs", "/api/../session"]
)
def test_what_has_no_public_route_is_not_reachable(api: httpx.Client, customer: Customer, path: str) -> None:
    assert api.get(path, headers=customer.bearer).status_code == 404


def test_too_many_requests_of_one_customer_do_not_hinder_another(
    auth: Running, payments_port: int, payments: FakePayments
) -> None:
    with running_gateway(auth.url, payments_port, RATE_LIMIT_CUSTOMER="5/hour") as (gateway, api):
        busy, other = log_in(api), log_in(api)
        assert [busy.list_payments().status_code for _ in range(7)] == [200] * 5 + [429] * 2
        refused = busy.list_payments()
        assert problem(refused) == (429, "rate-limited")
        assert int(refused.headers["Retry-After"]) > 0
        assert other.list_payments().status_code == 200
        assert gateway.sample("rate_limited_total") == 3


def test_guessing_tokens_is_limited_by_address(auth: Running, payments_port: int) -> None:
    with running_gateway(auth.url, payments_port, RATE_LIMIT_ADDRESS="5/hour") as (_, api):
        guesses = [api.get("/api/payments", headers={"Authorization": f"Bearer {n}.a.b"}) for n in range(7)]
        assert [answer.status_code for answer in guesses] == [401] * 5 + [429] * 2
        assert api.post("/api/auth/login", json={}).status_code == 429
        assert api.get("/livez").status_code == 200
