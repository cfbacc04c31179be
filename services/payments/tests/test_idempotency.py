"""One key, one charge: sequential, concurrent, after failures, and for two customers with the same key."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kit import Problem
from payments.tests.books import BROKE_CARD, Books, gather

SLOW = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@SLOW
@given(together=st.integers(2, 8), amount=st.integers(1, 9_999))
def test_the_same_request_many_times_at_once_charges_once(books: Books, together: int, amount: int) -> None:
    user, key = str(uuid4()), str(uuid4())
    before = books.charged()[0]

    answers = books.run(gather(books.pay(user, key, amount) for _ in range(together)))

    assert [answer.status for answer in answers] == [201] * together
    assert all(answer.body == answers[0].body for answer in answers)
    assert sorted(answer.replayed for answer in answers) == [False] + [True] * (together - 1)
    assert books.charged()[0] - before == amount


@SLOW
@given(parts=st.lists(st.integers(1, 600), min_size=2, max_size=8))
def test_refunds_at_once_never_give_back_more_than_was_taken(books: Books, parts: list[int]) -> None:
    user = str(uuid4())
    payment = books.run(books.pay(user, "pay", 1000)).body["id"]
    before = books.charged()[1]

    answers = books.run(gather(books.refund(user, f"{i}", UUID(payment), part) for i, part in enumerate(parts)))

    given_back = sum(answer.body["amount"] for answer in answers if not isinstance(answer, Exception))
    row = books.rows("SELECT refunded_amount FROM payments WHERE id = :id", id=payment)[0]
    assert given_back == row["refunded_amount"] == books.charged()[1] - before <= 1000
    assert all(isinstance(a, Problem) and a.status_code == 409 for a in answers if isinstance(a, Exception))


def test_captures_at_once_take_the_money_once(books: Books) -> None:
    user = str(uuid4())
    payment = UUID(books.run(books.pay(user, "pay", 700, capture=False)).body["id"])
    before = books.charged()[0]

    answers = books.run(gather(books.capture(user, payment, None) for _ in range(5)))

    assert all(isinstance(a, Problem) and a.status_code == 409 for a in answers if isinstance(a, Exception))
    assert any(not isinstance(a, Exception) for a in answers)
    assert books.charged()[0] - before == 700


def test_another_body_under_the_same_key_is_refused(books: Books) -> None:
    user = str(uuid4())
    books.run(books.pay(user, "key", 100))
    before = books.charged()

    with pytest.raises(Problem) as refused:
        books.run(books.pay(user, "key", 101))

    assert (refused.value.status_code, refused.value.kind) == (409, "idempotency-key-reused")
    assert books.charged() == before


def test_two_customers_may_choose_the_same_key(books: Books) -> None:
    first, second = (books.run(books.pay(str(uuid4()), "key", 100)) for _ in range(2))

    assert first.body["id"] != second.body["id"]
    assert not second.replayed


def test_a_decline_is_repeated_without_asking_the_acquirer_again(books: Books) -> None:
    user = str(uuid4())
    first = books.run(books.pay(user, "key", number=BROKE_CARD))
    asked = books.weather.requests
    again = books.run(books.pay(user, "key", number=BROKE_CARD))

    assert (first.status, first.body["decline_reason"]) == (402, "insufficient_funds")
    assert (again.status, again.body, again.replayed) == (402, first.body, True)
    assert books.weather.requests == asked


@pytest.mark.parametrize("failure", ["lost", "late", "failing"])
def test_a_repeat_after_an_unknown_outcome_continues_the_same_payment(books: Books, failure: str) -> None:
    user, before = str(uuid4()), books.charged()[0]
    books.weather.forecast = [failure] * 2
    with pytest.raises(Problem) as unknown:
        books.run(books.pay(user, "key", 100))
    books.weather.forecast = []
    answer = books.run(books.pay(user, "key", 100))

    assert unknown.value.status_code in (502, 504)
    assert answer.body["id"] == unknown.value.members["payment_id"]
    assert (answer.status, answer.replayed) == (201, False)
    assert books.charged()[0] - before == 100


@pytest.mark.parametrize("failure", ["refused", "down"])
def test_a_repeat_after_a_certain_failure_starts_a_new_payment(books: Books, failure: str) -> None:
    user, before = str(uuid4()), books.charged()[0]
    books.weather.forecast = [failure] * 2
    with pytest.raises(Problem) as failed:
        books.run(books.pay(user, "key", 100))
    answer = books.run(books.pay(user, "key", 100))

    statuses = books.rows("SELECT status FROM payments WHERE user_id = :user ORDER BY id", user=user)
    assert failed.value.status_code == 502
    assert [row["status"] for row in statuses] == ["failed", "captured"]
    assert (answer.status, answer.replayed) == (201, False)
    assert books.charged()[0] - before == 100


def test_a_certain_failure_after_an_unknown_outcome_writes_nothing_off(books: Books) -> None:
    user, before = str(uuid4()), books.charged()[0]
    for forecast in (["late"], ["refused"] * 2):
        books.weather.forecast = forecast
        with pytest.raises(Problem):
            books.run(books.pay(user, "key", 100))
    assert books.rows("SELECT status FROM payments WHERE user_id = :user", user=user) == [{"status": "pending"}]

    answer = books.run(books.pay(user, "key", 100))

    assert answer.status == 201
    assert books.charged()[0] - before == 100
