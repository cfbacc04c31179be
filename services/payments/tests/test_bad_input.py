"""Every request gets a defined response, never a 500, also if the database, auth or the acquirer fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest

from payments.tests.running import CARD, Customer, Shop, open_shop
from testing.fuzz import fuzz
from testing.postgres import Server
from testing.process import until

GOOD = {"amount": 100, "currency": "EUR", "card": CARD}

BODIES: dict[str, tuple[bytes, int]] = {
    "nothing": (b"", 422),
    "not JSON": (b"{", 422),
    "not UTF-8": (b'{"amount": "\xff\xfe"}', 400),
    "null": (b"null", 422),
    "a huge number": (b"1" * 5000, 400),
    "a huge amount": (json.dumps(GOOD).replace("100", "1" + "0" * 400).encode(), 422),
    "an infinite amount": (json.dumps(GOOD).replace("100", "Infinity").encode(), 422),
    "a deep list": (b"[" * 20000 + b"]" * 20000, 400),
    "10 MB": (b'"' + b"x" * 10_000_000 + b'"', 413),
    "wrong types": (json.dumps({"amount": "100", "currency": 978, "card": []}).encode(), 422),
    "a negative amount": (json.dumps(GOOD | {"amount": -1}).encode(), 422),
    "an unknown currency": (json.dumps(GOOD | {"currency": "ABC"}).encode(), 422),
    "an expired card": (json.dumps(GOOD | {"card": CARD | {"exp_year": 2020}}).encode(), 422),
    "half a surrogate pair": (json.dumps(GOOD | {"description": "\ud800"}).encode(), 422),
    "a zero byte": (json.dumps(GOOD | {"description": "\0"}).encode(), 422),
    "a card number as description": (json.dumps(GOOD | {"description": CARD["number"]}).encode(), 422),
    "a member too many": (json.dumps(GOOD | {"status": "captured"}).encode(), 422),
}


@pytest.fixture
def customer(calm: Shop) -> Customer:
    return calm.customer()


@pytest.mark.parametrize("name", BODIES)
def test_bad_body_gets_a_defined_problem_that_repeats_no_card(customer: Customer, shop: Shop, name: str) -> None:
    body, status = BODIES[name]
    headers = {**customer.bearer, "Idempotency-Key": "key", "Content-Type": "application/json"}
    answer = shop.api.post("/payments", content=body, headers=headers)

    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["trace_id"] == answer.headers["X-Trace-Id"]
    assert CARD["number"] not in answer.text
    assert not [line for line in shop.payments.lines_of(answer) if line["level"] == "ERROR"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Idempotency-Key": ""},
        {"Idempotency-Key": "k" * 201},
        {"Idempotency-Key": "two words"},
        {"Idempotency-Key": "über".encode()},
    ],
    ids=["none", "empty", "too long", "with a space", "not ASCII"],
)
def test_a_payment_without_a_proper_key_is_refused(customer: Customer, headers: dict[str, str]) -> None:
    answer = customer.api.post("/payments", json=GOOD, headers={**customer.bearer, **headers})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "header.Idempotency-Key"


@pytest.mark.parametrize("authorization", [None, "Bearer", "Basic YTpi", "Bearer x.y.z", "Bearer " + "a" * 5000])
def test_no_token_or_a_bad_one_is_refused_before_anything_is_asked(shop: Shop, authorization: str | None) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    for answer in (
        shop.api.post("/payments", json=GOOD, headers={**headers, "Idempotency-Key": "key"}),
        shop.api.get("/payments", headers=headers),
        shop.api.get(f"/payments/{uuid4()}", headers=headers),
    ):
        assert answer.status_code == 401, answer.text
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_forged_token_is_refused(customer: Customer) -> None:
    head, claims, signature = customer.bearer["Authorization"].split(".")
    forged = ".".join((head, claims, signature[::-1]))
    assert customer.api.get("/payments", headers={"Authorization": forged}).status_code == 401


@pytest.mark.parametrize("cursor", ["x", "!!!!", "A" * 22 + "B", "", "AAAA", "%00"])
def test_a_cursor_that_is_not_ours_is_refused(customer: Customer, cursor: str) -> None:
    assert customer.get(f"/payments?cursor={cursor}").status_code == 422


@pytest.mark.timeout(300)
def test_no_generated_request_makes_the_server_fail(customer: Customer, shop: Shop) -> None:
    before = shop.payments.events().count("http.error")
    sent = fuzz(shop.payments.url, headers=customer.bearer, without={"/debug/error"})
    assert sent > 100
    assert shop.payments.events().count("http.error") == before


@pytest.fixture(scope="module")
def fragile(fragile_postgres: Server) -> Iterator[tuple[Server, Shop]]:
    """A shop with its own database server, which the test may stop."""
    with open_shop(fragile_postgres) as shop:
        yield fragile_postgres, shop


def _is_unavailable(answer: httpx.Response, kind: str) -> None:
    assert (answer.status_code, answer.json()["type"]) == (503, f"urn:problem:{kind}"), answer.text
    assert int(answer.headers["Retry-After"]) >= 1


@pytest.mark.timeout(300)
def test_a_database_that_is_down_is_a_503_until_it_is_back(fragile: tuple[Server, Shop]) -> None:
    server, shop = fragile
    customer = shop.customer()
    before = customer.pay("before").json()
    server.stop()

    _is_unavailable(customer.get("/payments"), "database-unavailable")
    assert shop.api.get("/readyz").status_code == 503
    assert shop.api.get("/livez").status_code == 200

    server.start()
    until(lambda: shop.api.get("/readyz").status_code == 200, "payments is ready again")
    assert customer.get(f"/payments/{before['id']}").json() == before
    assert customer.pay("before").json() == before
    assert "http.error" not in shop.payments.events()


@pytest.mark.timeout(300)
def test_a_slow_database_keeps_nobody_beyond_their_deadline(fragile: tuple[Server, Shop]) -> None:
    _, shop = fragile
    customer = shop.customer()
    patience = {"X-Deadline-Ms": "400"}
    with shop.locked("payments"):
        read = shop.api.get("/payments", headers={**customer.bearer, **patience})
        paid = customer.pay("key", headers=patience)
        patient = customer.get("/payments")

    for answer in (read, paid):
        assert (answer.status_code, answer.json()["type"]) == (504, "urn:problem:deadline-exceeded")
        assert answer.elapsed.total_seconds() < 1.5
    _is_unavailable(patient, "database-unavailable")
    assert customer.pay("key").status_code == 201
    assert len(customer.get("/payments").json()["items"]) == 1


def test_without_auth_reading_goes_on_and_money_stays_where_it_is(fragile: tuple[Server, Shop]) -> None:
    _, shop = fragile
    customer = shop.customer()
    payment = customer.pay().json()
    shop.auth.stop()

    _is_unavailable(customer.pay(), "auth-unavailable")
    assert customer.get(f"/payments/{payment['id']}").status_code == 200
    assert len(customer.get("/payments").json()["items"]) == 1
