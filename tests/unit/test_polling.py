"""Waiting: until it is true, no longer than told, and never in silence."""

import itertools

import httpx
import pytest

from sandbox_testing.polling import NotSeen, eventually


def test_first_accepted_answer_is_returned() -> None:
    answers = itertools.count()
    assert eventually("three", lambda: next(answers), lambda number: number == 3, interval=0.001) == 3


def test_deadline_names_what_was_awaited_and_the_last_answer() -> None:
    with pytest.raises(NotSeen, match=r"waited for the moon: \d+ tries in 0.05 s; the last answer was: 'clouds'"):
        eventually("the moon", lambda: "clouds", lambda seen: seen == "moon", timeout=0.05, interval=0.01)


def test_failed_assertion_is_tried_again_and_then_told() -> None:
    def probe() -> None:
        raise AssertionError("two rows, not three")

    with pytest.raises(NotSeen, match="the last one failed: two rows, not three"):
        eventually("three rows", probe, timeout=0.05, interval=0.01)


def test_refused_connection_is_tried_again() -> None:
    answers = iter([httpx.ConnectError("refused"), "ready"])

    def probe() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert eventually("the server", probe, interval=0.001) == "ready"


def test_programming_error_is_not_swallowed() -> None:
    with pytest.raises(KeyError):
        eventually("nothing", lambda: {}["absent"], timeout=5)


def test_long_answer_is_shortened_in_the_message() -> None:
    with pytest.raises(NotSeen, match=r"\(100002 characters in all\)$"):
        eventually("little", lambda: "x" * 100_000, lambda _: False, timeout=0.02, interval=0.01)
