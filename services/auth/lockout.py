"""Repeated failures lock an address out for a while, with or without an account behind it."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import case, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from auth.tables import login_failures

__all__ = ["Attempt", "Lockout"]

_FAILURES_AT_MOST = 30_000


def _key(email: str) -> bytes:
    return hashlib.sha256(email.encode()).digest()


@dataclass(frozen=True, slots=True)
class Attempt:
    """`refused_for`: seconds that the address is still locked out. `locks_for`: seconds that a failure now costs."""

    refused_for: int = 0
    locks_for: int = 0


@dataclass(frozen=True)
class Lockout:
    """The policy; durations in seconds. `longest` bounds the doubling."""

    failures: int
    first: int
    longest: int
    forget: int

    async def admit(self, connection: AsyncConnection, email: str) -> Attempt:
        """Count an attempt as failed before it is judged, so that guesses made at once are counted one by one.

        A success takes it back with `forgive`.
        """
        table, now = login_failures, datetime.now(UTC)
        stale = table.c.last_failure_at < now - timedelta(seconds=self.forget)
        counted = case((stale, 1), else_=func.least(table.c.failures + 1, _FAILURES_AT_MOST))
        statement = (
            insert(table)
            .values(email_sha256=_key(email), failures=1, last_failure_at=now)
            .on_conflict_do_update(
                index_elements=[table.c.email_sha256],
                set_={"failures": counted, "last_failure_at": now},
                where=func.coalesce(table.c.locked_until, now) <= now,
            )
            .returning(table.c.failures)
        )
        failures = (await connection.execute(statement)).scalar_one_or_none()
        if failures is None:
            return Attempt(refused_for=await self._remaining(connection, email))
        seconds = self.duration(failures)
        if seconds:
            until = now + timedelta(seconds=seconds)
            matching = table.c.email_sha256 == _key(email)
            await connection.execute(table.update().where(matching).values(locked_until=until))
        return Attempt(locks_for=seconds)

    async def _remaining(self, connection: AsyncConnection, email: str) -> int:
        query = select(login_failures.c.locked_until).where(login_failures.c.email_sha256 == _key(email))
        until = await connection.scalar(query)
        # The clock is read again: the attempt may have waited for the one that locked.
        return max(1, math.ceil((until - datetime.now(UTC)).total_seconds())) if until else 1

    def duration(self, failures: int) -> int:
        """Seconds of lock-out after that many failures in a row."""
        beyond = failures - self.failures
        if beyond < 0:
            return 0
        return min(self.longest, self.first * 2 ** min(beyond, 20))

    async def forgive(self, connection: AsyncConnection, email: str) -> None:
        """Forget the failures of an address, after a success."""
        await connection.execute(delete(login_failures).where(login_failures.c.email_sha256 == _key(email)))

    async def purge(self, connection: AsyncConnection) -> int:
        """Delete what no longer matters; how many rows."""
        horizon = datetime.now(UTC) - timedelta(seconds=max(self.forget, self.longest))
        result = await connection.execute(delete(login_failures).where(login_failures.c.last_failure_at < horizon))
        return result.rowcount
