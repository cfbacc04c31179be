"""Canaries: recognised in each spelling, allowed only in their own place."""

import pytest

from sandbox_testing.canaries import Canary, card_number, search, word
from sandbox_testing.haystack import Haystack, Passage


def where(canary: Canary, *passages: Passage) -> list[str]:
    return [one.where for one in search([canary], [store(*passages)], 0.0, {}).escapes]


def store(*passages: Passage) -> Haystack:
    return Haystack("store", lambda _since: passages)


def test_card_numbers_pass_the_check_and_differ() -> None:
    numbers = {card_number() for _ in range(20)}
    assert len(numbers) == 20
    for number in numbers:
        digits = [int(digit) for digit in reversed(number)]
        total = sum(digits[0::2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])
        assert (len(number), total % 10) == (16, 0)


def test_words_survive_every_usual_encoding() -> None:
    assert word("mail").isalnum()
    assert word("mail") != word("mail")


def test_value_is_found_in_each_of_its_spellings() -> None:
    spellings = ("4000 0000 0000 0002", "4000000000000002")
    passages = [Passage("a", f"card {spellings[1]}"), Passage("b", spellings[0]), Passage("c", "4000")]
    assert where(Canary("card", spellings[0], spellings), *passages) == ["a", "b"]


def test_allowed_column_may_hold_the_value_and_no_other() -> None:
    canary = Canary("mail", "zqmail", allowed=frozenset({"accounts.email"}))
    done = search([canary], [store(Passage("accounts.email", "zqmail"), Passage("sessions.note", "zqmail"))], 0.0, {})
    assert [one.where for one in done.kept] == ["accounts.email"]
    assert [one.where for one in done.escapes] == ["sessions.note"]


def test_store_without_its_control_value_is_blind() -> None:
    passages = Passage("a", "one"), Passage("b", "two")
    assert search([], [store(*passages)], 0.0, {"store": "two"}).blind == []
    assert search([], [store(*passages)], 0.0, {"store": "three"}).blind == ["store"]
    assert search([], [store(*passages)], 0.0, {}).blind == ["store"]


def test_verdict_needs_control_values_and_no_escapes() -> None:
    passages = store(Passage("a", "zqcontrol"), Passage("b", "zqmail"))
    search([], [passages], 0.0, {"store": "zqcontrol"}).verify()
    with pytest.raises(AssertionError, match="no control value found in store"):
        search([], [passages], 0.0, {}).verify()
    with pytest.raises(AssertionError, match="1 personal values escaped:\n- mail in store, b"):
        search([Canary("mail", "zqmail")], [passages], 0.0, {"store": "zqcontrol"}).verify()


def test_number_of_passages_read_is_reported() -> None:
    assert search([], [store(Passage("a", ""), Passage("b", ""))], 0.0, {}).read == {"store": 2}


def test_escape_says_where_and_shows_what_is_around() -> None:
    [found] = search([Canary("mail", "zqmail")], [store(Passage("auth", "before zqmail after"))], 0.0, {}).escapes
    assert str(found) == "- mail in store, auth: ...before zqmail after..."
