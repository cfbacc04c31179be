"""Payments and a failing acquirer: the number of attempts, when the circuit opens, and when it closes."""

from __future__ import annotations

import gc
import time
import weakref
from collections.abc import Iterator
from uuid import uuid4

import pytest

from kit.deadline import Deadline, DeadlineExceeded
from payments import signals
from payments.card_network import NetworkUnavailable, OutcomeUnknown
from payments.tests.books import Books
from testing.process import until

REFUND = {"amount": 1, "authorization": "unheard-of"}
OPEN_SECONDS = 0.3


@pytest.fixture
def nervous(ledger_url: str) -> Iterator[Books]:
    """Three attempts; the circuit opens after four failures."""
    opened = Books(ledger_url, attempts=3, failures=4, open_seconds=OPEN_SECONDS)
    yield opened
    opened.close()


def _ask(books: Books, *forecast: str, seconds: float = 5.0) -> int:
    """Send an operation through this network; return the number of requests to the acquirer."""
    books.weather.forecast, before = list(forecast), books.weather.requests
    try:
        books.run(books.network.perform("/refunds", {"reference": str(uuid4()), **REFUND}, Deadline(seconds)))
    finally:
        books.weather.forecast = []
        asked = books.weather.requests - before
        books.asked = asked  # type: ignore[attr-defined]
    return asked


def _open_circuit(books: Books) -> None:
    for _ in range(4):
        with pytest.raises(OutcomeUnknown):
            _ask(books, "late")


@pytest.mark.parametrize("failure", ["refused", "down", "lost"])
def test_a_safe_failure_is_tried_again(nervous: Books, failure: str) -> None:
    assert _ask(nervous, failure, failure) == 3


@pytest.mark.parametrize(("failure", "raised"), [("refused", NetworkUnavailable), ("lost", OutcomeUnknown)])
def test_tries_are_bounded_and_tell_whether_anything_arrived(
    nervous: Books, failure: str, raised: type[Exception]
) -> None:
    with pytest.raises(raised):
        _ask(nervous, *[failure] * 9)
    assert nervous.asked == 3  # type: ignore[attr-defined]


def test_one_attempt_that_may_have_arrived_makes_the_outcome_unknown(nervous: Books) -> None:
    with pytest.raises(OutcomeUnknown):
        _ask(nervous, "lost", "refused", "refused")


@pytest.mark.parametrize("failure", ["late", "failing"])
def test_an_unsafe_failure_is_not_tried_again(nervous: Books, failure: str) -> None:
    with pytest.raises(OutcomeUnknown):
        _ask(nervous, failure)
    assert nervous.asked == 1  # type: ignore[attr-defined]


def test_nothing_is_sent_when_the_deadline_has_passed(nervous: Books) -> None:
    with pytest.raises(DeadlineExceeded):
        _ask(nervous, seconds=0)
    assert nervous.asked == 0  # type: ignore[attr-defined]


def test_an_open_circuit_asks_nobody_and_says_when_to_come_back(nervous: Books) -> None:
    _open_circuit(nervous)

    with pytest.raises(NetworkUnavailable) as refused:
        _ask(nervous)

    assert (refused.value.reason, refused.value.retry_after) == ("circuit_open", 1)
    assert nervous.asked == 0  # type: ignore[attr-defined]
    assert signals.CIRCUIT_OPEN.labels("acquirer")._value.get() == 1


def test_a_circuit_closes_after_one_success_and_opens_after_one_failure(nervous: Books) -> None:
    _open_circuit(nervous)
    _wait_until_half_open()
    with pytest.raises(OutcomeUnknown):
        _ask(nervous, "late")
    with pytest.raises(NetworkUnavailable):
        _ask(nervous)

    _wait_until_half_open()
    assert _ask(nervous) == 1
    assert signals.CIRCUIT_OPEN.labels("acquirer")._value.get() == 0


def _wait_until_half_open() -> None:
    end = time.time() + OPEN_SECONDS + 0.05
    until(lambda: time.time() > end, "the circuit lets one through")


def test_declines_do_not_open_the_circuit(nervous: Books) -> None:
    for number in range(8):
        answer = nervous.run(nervous.pay("somebody", f"{uuid4()}-{number}", number="4000000000000002"))
        assert answer.status == 402


class _Body(dict):
    """A request body that shows when it is garbage-collected."""


def test_an_open_circuit_does_not_keep_what_it_refused(ledger_url: str) -> None:
    opened = Books(ledger_url, failures=4)
    _open_circuit(opened)
    body = _Body(REFUND)
    forgotten = weakref.ref(body)

    with pytest.raises(NetworkUnavailable):
        opened.run(opened.network.perform("/refunds", body, Deadline(5)))
    opened.close()
    del body
    gc.collect()

    assert forgotten() is None
