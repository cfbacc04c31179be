"""payments over HTTP, as the gateway uses it, with the real auth and the real acquirer."""

from __future__ import annotations

from uuid import uuid4

import httpx
import pytest

from payments.tests.running import CARD, CIRCUIT_FAILURES, CIRCUIT_SECONDS, Customer, Shop
from testing.process import until

DECLINES = {
    "4000000000000002": "generic_decline",
    "4000000000009995": "insufficient_funds",
    "4000000000000069": "expired_card",
    "4000000000000127": "incorrect_cvc",
    "4000000000000119": "processing_error",
}


@pytest.fixture
def customer(calm: Shop) -> Customer:
    return calm.customer()


def _problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["Content-Type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["type"].removeprefix("urn:problem:")


def test_a_payment_is_captured_at_once_and_can_be_read(customer: Customer) -> None:
    paid = customer.pay()
    body = paid.json()

    assert paid.status_code == 201, paid.text
    assert (body["status"], body["amount"], body["currency"]) == ("captured", 1250, "EUR")
    assert body["card"] == {"brand": "Visa", "last4": "4242"}
    assert customer.get(f"/payments/{body['id']}").json() == body


@pytest.mark.parametrize(("number", "reason"), DECLINES.items())
def test_a_decline_says_why_and_is_recorded(customer: Customer, number: str, reason: str) -> None:
    declined = customer.pay(card=CARD | {"number": number})

    assert _problem(declined) == (402, "payment-declined")
    assert declined.json()["decline_reason"] == reason
    recorded = customer.get(f"/payments/{declined.json()['payment_id']}").json()
    assert (recorded["status"], recorded["decline_reason"]) == ("declined", reason)


def test_authorise_capture_and_refund_follow_one_another(customer: Customer) -> None:
    payment = customer.pay(capture=False).json()
    path = f"/payments/{payment['id']}"

    assert payment["status"] == "authorised"
    assert _problem(customer.post(f"{path}/refunds", {}, "too-early")) == (409, "impossible-state")
    assert customer.post(f"{path}/capture", {"amount": 1000}).json()["captured_amount"] == 1000
    assert customer.post(f"{path}/refunds", {"amount": 400}, "first").json()["status"] == "succeeded"
    assert customer.get(path).json()["status"] == "partially_refunded"
    assert _problem(customer.post(f"{path}/refunds", {"amount": 601}, "too-much")) == (409, "amount-too-large")
    assert customer.post(f"{path}/refunds", None, "rest").json()["amount"] == 600
    assert customer.get(path).json()["status"] == "refunded"
    assert _problem(customer.post(f"{path}/refunds", {}, "again")) == (409, "impossible-state")


def test_the_same_key_gets_the_same_answer_to_the_letter(customer: Customer) -> None:
    first, again, other = customer.pay("key"), customer.pay("key"), customer.pay("key", amount=1)

    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert _problem(other) == (409, "idempotency-key-reused")


def test_capturing_again_changes_nothing_and_answers_alike(customer: Customer) -> None:
    path = f"/payments/{customer.pay(capture=False).json()['id']}/capture"
    first, again = customer.post(path), customer.post(path)

    assert (first.status_code, again.status_code) == (200, 200)
    assert again.content == first.content


def test_pages_hold_each_payment_once_newest_first(customer: Customer) -> None:
    made = [customer.pay(amount=100 + i).json()["id"] for i in range(5)]
    seen, cursor = [], ""
    while cursor is not None:
        page = customer.get(f"/payments?limit=2{f'&cursor={cursor}' if cursor else ''}").json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]

    assert seen == made[::-1]


def test_nobody_sees_or_moves_the_payments_of_others(customer: Customer, shop: Shop) -> None:
    payment, stranger = customer.pay().json()["id"], shop.customer()

    assert _problem(stranger.get(f"/payments/{payment}")) == (404, "no-such-payment")
    assert _problem(stranger.post(f"/payments/{payment}/refunds", {}, "key")) == (404, "no-such-payment")
    assert stranger.get("/payments").json()["items"] == []


def test_money_does_not_move_once_the_session_has_ended(customer: Customer, shop: Shop) -> None:
    payment = customer.pay().json()["id"]
    shop.log_out(customer)

    assert _problem(customer.pay()) == (401, "token-session-ended")
    assert _problem(customer.post(f"/payments/{payment}/refunds", {}, "key")) == (401, "token-session-ended")
    assert customer.get(f"/payments/{payment}").status_code == 200


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        ({"outage": True}, (502, "acquirer-unavailable")),
        ({"error_rate": 1}, (502, "acquirer-error")),
        ({"hang": True}, (504, "acquirer-timeout")),
        ({"latency_ms": 5_000}, (504, "acquirer-timeout")),
    ],
    ids=["outage", "errors", "hang", "latency"],
)
def test_each_failure_of_the_acquirer_has_its_answer_and_charges_once(
    customer: Customer, shop: Shop, behaviour: dict[str, object], expected: tuple[int, str]
) -> None:
    shop.acquirer_is(**behaviour)
    failed = customer.pay("key")
    shop.acquirer_is()

    assert _problem(failed) == expected
    paid = customer.pay("key")
    assert paid.status_code == 201, paid.text
    captured = [p for p in customer.get("/payments").json()["items"] if p["status"] == "captured"]
    assert [p["id"] for p in captured] == [paid.json()["id"]]


def test_the_callers_deadline_is_kept_when_the_acquirer_is_slow(customer: Customer, shop: Shop) -> None:
    shop.acquirer_is(latency_ms=5_000)
    answer = customer.pay(headers={"X-Deadline-Ms": "200"})

    assert _problem(answer)[0] == 504
    assert answer.elapsed.total_seconds() < 0.45


def test_an_open_circuit_answers_at_once_and_says_when_to_come_back(customer: Customer, shop: Shop) -> None:
    shop.acquirer_is(error_rate=1)
    for _ in range(CIRCUIT_FAILURES):
        customer.pay()
    refused = customer.pay()
    shop.acquirer_is()

    assert _problem(refused) == (503, "acquirer-circuit-open")
    assert refused.headers["Retry-After"] == str(CIRCUIT_SECONDS)
    assert shop.payments.sample("circuit_open", peer="acquirer") == 1
    until(lambda: customer.pay().status_code == 201, "the circuit closes again")
    assert shop.payments.sample("circuit_open", peer="acquirer") == 0


def test_a_forgotten_charge_is_settled_by_itself(customer: Customer, shop: Shop) -> None:
    shop.acquirer_is(hang=True)
    payment = customer.pay().json()["payment_id"]
    shop.acquirer_is()

    path = f"/payments/{payment}"
    until(lambda: customer.get(path).json()["status"] == "captured", "the charge is found", within=15)


def test_each_outcome_is_counted_once_and_replays_apart(customer: Customer, shop: Shop) -> None:
    def counts() -> list[float]:
        sample = shop.payments.sample
        return [
            sample("payments_total", outcome="authorised", currency="CHF"),
            sample("payments_total", outcome="declined", decline_reason="insufficient_funds", currency="CHF"),
            sample("payment_amount_minor_units_sum", currency="CHF"),
            sample("refunds_total", outcome="succeeded", currency="CHF"),
            sample("idempotent_replays_total"),
        ]

    before = counts()
    payment, *_ = [customer.pay("key", currency="CHF").json() for _ in range(3)]
    customer.pay(currency="CHF", card=CARD | {"number": "4000000000009995"})
    customer.post(f"/payments/{payment['id']}/refunds", {}, "refund")

    assert [after - earlier for after, earlier in zip(counts(), before, strict=True)] == [1, 1, 1250, 1, 2]


def test_nothing_of_a_card_is_stored_or_logged(customer: Customer, shop: Shop) -> None:
    number, canary = "5200828282828210", f"canary {uuid4()}"
    answer = customer.pay(card=CARD | {"number": number}, description=canary)
    shop.payments.lines_of(answer)

    assert answer.status_code == 201
    logged = shop.payments.logs.read_text()
    stored = shop.dump()
    assert canary in stored
    assert canary not in logged
    assert not any(secret in text for secret in (number, number[:12]) for text in (logged, stored))
    assert not {"number", "cvc", "exp_month", "exp_year"} & shop.columns()


def test_an_unhandled_error_is_one_error_line_with_its_trace(customer: Customer, shop: Shop) -> None:
    answer = customer.post("/debug/error")

    def errors() -> list[dict[str, str]]:
        return [line for line in shop.payments.lines_of(answer) if line.get("event") == "http.error"]

    until(errors, "the error is logged")
    assert _problem(answer) == (500, "internal")
    assert [line["error_type"] for line in errors()] == ["RuntimeError"]


def test_values_in_a_failing_statement_and_in_exceptions_are_in_no_line(customer: Customer, shop: Shop) -> None:
    body = {"text": "canary of a text", "breadcrumb": "canary of a crumb", "parameter": "canary of a parameter"}
    answer = customer.post("/debug/error", body)

    def errors() -> list[dict[str, str]]:
        return [line for line in shop.payments.lines_of(answer) if line.get("event") == "http.error"]

    until(errors, "the error is logged")
    [error] = errors()
    # The statement failed: otherwise the search would prove nothing.
    assert "invalid_text_representation" in error["stack_trace"] or "DBAPIError" in error["stack_trace"]
    assert "canary" not in shop.payments.logs.read_text()
    assert "canary" not in answer.text
