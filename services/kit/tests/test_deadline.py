"""Deadlines: the caller's is kept, but limited."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.deadline import HEADER, Deadline, DeadlineExceeded


@pytest.mark.parametrize(("header", "seconds"), [("500", 0.48), ("60000", 8.0), (None, 8.0)])
def test_the_callers_time_is_kept_up_to_our_own_limit(header: str | None, seconds: float) -> None:
    assert Deadline.from_header(header, 8.0).remaining == pytest.approx(seconds, abs=0.05)


@pytest.mark.parametrize("nonsense", ["", "-5", "1e3", "soon", "٥", "9" * 400, "1.5"])
def test_a_header_that_is_no_number_counts_as_absent(nonsense: str) -> None:
    assert Deadline.from_header(nonsense, 8.0).remaining == pytest.approx(8.0, abs=0.05)


@given(st.text())
def test_no_header_makes_the_deadline_longer_than_ours(header: str) -> None:
    assert Deadline.from_header(header, 8.0).remaining <= 8.0


def test_the_next_call_gets_what_is_left() -> None:
    assert 900 < int(Deadline(1.0).headers()[HEADER]) <= 1000


def test_nothing_is_begun_once_the_time_is_over() -> None:
    for use in (lambda d: d.within(1.0), lambda d: d.headers()):
        with pytest.raises(DeadlineExceeded):
            use(Deadline(0))


def test_enforced_work_is_stopped_at_the_deadline() -> None:
    async def work() -> None:
        async with Deadline(0.02).enforced():
            await asyncio.Event().wait()

    with pytest.raises(DeadlineExceeded):
        asyncio.run(work())


def test_a_timeout_of_the_work_itself_stays_one() -> None:
    async def work() -> None:
        async with Deadline(10).enforced():
            raise TimeoutError

    with pytest.raises(TimeoutError):
        asyncio.run(work())
