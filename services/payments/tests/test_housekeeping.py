"""The outcome of forgotten operations is found out later, as the acquirer has it."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from kit import Problem
from payments import idempotency
from payments.housekeeping import settle_forgotten
from payments.tests.books import Books, gather


def _lose(books: Books, user: str, *forecast: str) -> UUID:
    """Create a payment whose outcome payments does not know."""
    books.weather.forecast = list(forecast)
    with pytest.raises(Problem) as unknown:
        books.run(books.pay(user, "key", 400))
    books.weather.forecast = []
    return UUID(unknown.value.members["payment_id"])


def _status(books: Books, user: str) -> list[str]:
    return [row["status"] for row in books.rows("SELECT status FROM payments WHERE user_id = :user", user=user)]


def test_a_charge_that_took_place_unseen_is_found_and_its_key_answers(books: Books) -> None:
    user = str(uuid4())
    payment = _lose(books, user, "late")

    books.run(books.keep_house())
    asked = books.weather.requests
    answer = books.run(books.pay(user, "key", 400))

    assert _status(books, user) == ["captured"]
    assert (answer.status, answer.body["id"], answer.replayed) == (201, str(payment), True)
    assert books.weather.requests == asked


def test_a_charge_that_never_arrived_is_failed_and_its_key_is_free(books: Books) -> None:
    user = str(uuid4())
    _lose(books, user, "failing")

    books.run(books.keep_house())
    assert _status(books, user) == ["failed"]

    assert books.run(books.pay(user, "key", 400)).status == 201


def test_nothing_is_decided_while_the_acquirer_does_not_answer(books: Books) -> None:
    user = str(uuid4())
    _lose(books, user, "late")
    books.weather.forecast = ["refused"] * 2

    assert books.run(books.keep_house()) == 0
    assert _status(books, user) == ["pending"]


def test_what_somebody_has_just_tried_is_left_to_them(books: Books) -> None:
    user = str(uuid4())
    _lose(books, user, "late")

    assert books.run(settle_forgotten(books.database, books.flows, books.network, timedelta(minutes=1))) == 0
    assert _status(books, user) == ["pending"]


def test_an_operation_ends_once_however_many_end_it(books: Books) -> None:
    books.run(books.keep_house())
    user = str(uuid4())
    payment = books.run(books.pay(user, "pay", 400)).body["id"]
    books.weather.forecast = ["late"]
    with pytest.raises(Problem):
        books.run(books.refund(user, "refund", UUID(payment), 100))
    books.weather.forecast = []

    settled = books.run(gather(books.keep_house() for _ in range(4)))

    assert sorted(settled) == [0, 0, 0, 1]
    refunded = books.rows("SELECT refunded_amount FROM payments WHERE id = :id", id=payment)
    assert refunded == [{"refunded_amount": 100}]


def test_old_keys_are_forgotten_once_they_are_answered(books: Books) -> None:
    user = str(uuid4())
    books.run(books.pay(user, "old", 1))
    books.run(books.pay(user, "new", 1))

    async def age_and_expire() -> None:
        async with books.database.transaction() as connection:
            old = (
                "UPDATE idempotency_keys SET created_at = now() - interval '2 days' WHERE user_id = :u AND key = 'old'"
            )
            await connection.execute(text(old), {"u": user})
            await idempotency.expire(connection, timedelta(hours=24))

    books.run(age_and_expire())
    left = books.rows("SELECT key FROM idempotency_keys WHERE user_id = :user", user=user)
    assert left == [{"key": "new"}]
