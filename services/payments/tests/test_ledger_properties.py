"""Money is never created and never lost, whatever customers do and however the network fails."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from kit import Problem
from payments.tests.books import BROKE_CARD, GOOD_CARD, WEATHER, Books

AMOUNTS = st.integers(1, 5_000)
FORECASTS = st.lists(st.sampled_from(WEATHER), max_size=3)

UNBALANCED = """
    SELECT transaction_id::text, currency, sum(amount) FROM ledger_entries GROUP BY 1, 2 HAVING sum(amount) <> 0
"""
DISAGREEING = """
    SELECT p.id, p.captured_amount - p.refunded_amount AS payment, coalesce(sum(e.amount), 0) AS ledger
    FROM payments p
    LEFT JOIN operations o ON o.payment_id = p.id
    LEFT JOIN ledger_transactions t ON t.operation_id = o.id
    LEFT JOIN ledger_entries e ON e.transaction_id = t.id AND e.account = 'acquirer_receivable'
    GROUP BY p.id HAVING p.captured_amount - p.refunded_amount <> coalesce(sum(e.amount), 0)
"""
OF_USER = """
    SELECT coalesce(sum(captured_amount), 0)::bigint AS captured, coalesce(sum(refunded_amount), 0)::bigint AS refunded
    FROM payments WHERE user_id = :user
"""
OPEN = """
    SELECT o.id FROM operations o JOIN payments p ON p.id = o.payment_id WHERE o.status = 'open' AND p.user_id = :user
"""


class Trade(RuleBasedStateMachine):
    """One customer, one acquirer, and an unreliable network in between."""

    books: Books

    @initialize()
    def open_for_business(self) -> None:
        self.user = str(uuid4())
        self.sent: list[dict] = []
        self.payments: list[UUID] = []
        self.before = self.books.charged()

    @rule(
        amount=AMOUNTS,
        currency=st.sampled_from(["EUR", "USD"]),
        number=st.sampled_from([GOOD_CARD, GOOD_CARD, BROKE_CARD]),
        capture=st.booleans(),
        forecast=FORECASTS,
    )
    def pay(self, forecast: list[str], **what: object) -> None:
        self.sent.append({"key": str(uuid4()), **what})
        self._send(self.sent[-1], forecast)

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), forecast=FORECASTS)
    def send_a_payment_again(self, data: st.DataObject, forecast: list[str]) -> None:
        self._send(data.draw(st.sampled_from(self.sent)), forecast)

    @precondition(lambda self: self.payments)
    @rule(data=st.data(), amount=st.none() | AMOUNTS, forecast=FORECASTS)
    def capture(self, data: st.DataObject, amount: int | None, forecast: list[str]) -> None:
        self._weather(forecast)
        with suppress(Problem):
            self.books.run(self.books.capture(self.user, data.draw(st.sampled_from(self.payments)), amount))

    @precondition(lambda self: self.payments)
    @rule(data=st.data(), amount=st.none() | AMOUNTS, forecast=FORECASTS, twice=st.booleans())
    def refund(self, data: st.DataObject, amount: int | None, forecast: list[str], twice: bool) -> None:
        payment, key = data.draw(st.sampled_from(self.payments)), str(uuid4())
        for weather in [forecast, []] if twice else [forecast]:
            self._weather(weather)
            with suppress(Problem):
                self.books.run(self.books.refund(self.user, key, payment, amount))

    @rule(forecast=FORECASTS)
    def keep_house(self, forecast: list[str]) -> None:
        self._weather(forecast)
        self.books.run(self.books.keep_house())

    @invariant()
    def every_transaction_balances_in_each_currency(self) -> None:
        assert self.books.rows(UNBALANCED) == []

    @invariant()
    def every_payment_agrees_with_its_ledger(self) -> None:
        assert self.books.rows(DISAGREEING) == []

    def teardown(self) -> None:
        """After all operations are settled, our ledger and the acquirer agree."""
        self._weather([])
        self.books.run(self.books.keep_house())
        assert self.books.rows(OPEN, user=self.user) == []
        ours = self.books.rows(OF_USER, user=self.user)[0]
        captured, refunded = (after - before for after, before in zip(self.books.charged(), self.before, strict=True))
        assert (ours["captured"], ours["refunded"]) == (captured, refunded)

    def _send(self, what: dict, forecast: list[str]) -> None:
        self._weather(forecast)
        try:
            answer = self.books.run(self.books.pay(self.user, **what))
        except Problem as error:
            payment = error.members.get("payment_id")
        else:
            payment = answer.body.get("id") or answer.body["payment_id"]
        if payment and UUID(payment) not in self.payments:
            self.payments.append(UUID(payment))

    def _weather(self, forecast: list[str]) -> None:
        self.books.weather.forecast = list(forecast)


@pytest.mark.timeout(300)
def test_money_is_neither_created_nor_lost_in_any_history(books: Books) -> None:
    Trade.books = books
    limits = settings(
        max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    run_state_machine_as_test(Trade, settings=limits)
