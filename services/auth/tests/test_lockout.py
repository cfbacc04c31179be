"""The lock-out policy, tested without waiting for a lock-out to end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.lockout import Attempt, Lockout
from auth.tests.conftest import new_address
from kit.database import Database
from testing.process import Running

pytestmark = pytest.mark.anyio
POLICY = Lockout(failures=4, first=60, longest=900, forget=3600)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def database(auth: Running) -> AsyncIterator[Database]:
    opened = Database(auth.environment["DATABASE_URL"], "test")
    yield opened
    await opened.close()


async def _admit(database: Database, email: str) -> Attempt:
    async with database.transaction() as connection:
        return await POLICY.admit(connection, email)


async def test_guesses_made_at_once_are_counted_one_by_one(database: Database) -> None:
    email = new_address()
    attempts = await asyncio.gather(*(_admit(database, email) for _ in range(16)))
    admitted = [attempt for attempt in attempts if not attempt.refused_for]
    assert sorted(attempt.locks_for for attempt in admitted) == [0, 0, 0, 60]
    assert all(0 < attempt.refused_for <= 60 for attempt in attempts if attempt not in admitted)


async def test_forgiven_address_may_fail_as_often_as_a_new_one(database: Database) -> None:
    email = new_address()
    for _ in range(3):
        for _ in range(POLICY.failures):
            assert (await _admit(database, email)).refused_for == 0
        async with database.transaction() as connection:
            await POLICY.forgive(connection, email)


@given(failures=st.integers(0, 30_000))
def test_lock_out_grows_with_the_failures_and_stays_bounded(failures: int) -> None:
    seconds = POLICY.duration(failures)
    assert seconds <= POLICY.duration(failures + 1) <= POLICY.longest
    assert (seconds == 0) == (failures < POLICY.failures)
