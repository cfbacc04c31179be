"""Valid amounts and cards, and that no representation of a request shows the card."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from payments.ledger import entries_of
from payments.schemas import PaymentRequest
from payments.states import Kind

CARD = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2040, "cvc": "123"}
GOOD = {"amount": 100, "currency": "EUR", "card": CARD}
THIS_YEAR = datetime.now(UTC).year


@pytest.mark.parametrize(
    ("number", "brand", "last4"),
    [
        ("4242424242424242", "Visa", "4242"),
        ("5555555555554444", "Mastercard", "4444"),
        ("378282246310005", "American Express", "0005"),
    ],
)
def test_brand_and_last_four_digits_are_all_that_is_kept(number: str, brand: str, last4: str) -> None:
    wanted = PaymentRequest.model_validate(GOOD | {"card": CARD | {"number": number}})
    assert wanted.card.kept.model_dump() == {"brand": brand, "last4": last4}


def test_no_representation_of_a_request_shows_the_card() -> None:
    wanted = PaymentRequest.model_validate(GOOD)
    shown = f"{wanted} {wanted!r} {wanted.card} {wanted.card!r}"
    assert not any(secret in shown for secret in ("4242424242424242", "2040", "123"))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"amount": 0}, "greater_than"),
        ({"amount": -1}, "greater_than"),
        ({"amount": 10**30}, "less_than_equal"),
        ({"amount": "100"}, "int_type"),
        ({"amount": 1.5}, "int_type"),
        ({"amount": True}, "int_type"),
        ({"currency": "ZZZ"}, "InvalidCurrency"),
        ({"currency": "XTS"}, "InvalidCurrency"),
        ({"description": "x" * 201}, "string_too_long"),
        ({"description": "a\0b"}, "null_character"),
        ({"description": "my card is 4242 4242 4242 4242"}, "card_number_in_text"),
        ({"description": "4242-4242-4242-4242."}, "card_number_in_text"),
        ({"tip": 1}, "extra_forbidden"),
        ({"card": CARD | {"number": "4242424242424241"}}, "payment_card_number_luhn"),
        ({"card": CARD | {"number": "4242x"}}, "string_too_short"),
        ({"card": CARD | {"cvc": "12"}}, "string_pattern_mismatch"),
        ({"card": CARD | {"cvc": "١٢٣"}}, "string_pattern_mismatch"),
        ({"card": CARD | {"exp_month": 13}}, "less_than_equal"),
        ({"card": CARD | {"exp_year": THIS_YEAR - 1}}, "card_expired"),
    ],
)
def test_what_is_not_a_payment_is_refused_with_its_reason(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError) as refused:
        PaymentRequest.model_validate(GOOD | changes)
    assert [error["type"] for error in refused.value.errors()] == [reason]


def test_currencies_are_written_in_capitals() -> None:
    assert PaymentRequest.model_validate(GOOD | {"currency": "eur"}).currency == "EUR"


def test_a_card_is_good_until_its_month_ends() -> None:
    today = datetime.now(UTC)
    card = CARD | {"exp_month": today.month, "exp_year": today.year}
    assert PaymentRequest.model_validate(GOOD | {"card": card}).card.exp_month == today.month


@pytest.mark.parametrize("text", ["order 1234567890123456", "phone 030 12345678", "", "émoji 🙂"])
def test_ordinary_descriptions_are_accepted(text: str) -> None:
    assert PaymentRequest.model_validate(GOOD | {"description": text}).description == text


@given(kind=st.sampled_from(Kind), amount=st.integers(1, 10**15))
def test_entries_of_any_operation_add_up_to_nothing(kind: Kind, amount: int) -> None:
    entries = entries_of(kind, amount)
    assert sum(entries.values()) == 0
    assert bool(entries) == (kind is not Kind.AUTHORISE)
