"""Lock an address out for a while after repeated failures, whether or not it has an account."""

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
    """`refused_for`: seconds until the lock-out ends. `locks_for`: seconds of lock-out that a failure now causes."""

    refused_for: int = 0
    locks_for: int = 0


@dataclass(frozen=True)
class Lockout:
    """The lock-out policy; durations are in seconds. `longest` limits the doubling."""

    failures: int
    first: int
    longest: int
    forget: int

    async def admit(self, connection: AsyncConnection, email: str) -> Attempt:
        """Count an attempt as a failure before it is checked, so that concurrent guesses are counted one by one.

        After a success, `forgive` resets the count.
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
        # Read the clock again: the attempt may have waited for the one that caused the lock.
        return max(1, math.ceil((until - datetime.now(UTC)).total_seconds())) if until else 1

    def duration(self, failures: int) -> int:
        """Return the seconds of lock-out after that many failures in a row."""
        beyond = failures - self.failures
        if beyond < 0:
            return 0
        return min(self.longest, self.first * 2 ** min(beyond, 20))

    async def forgive(self, connection: AsyncConnection, email: str) -> None:
        """Delete the failures of an address, after a success."""
        await connection.execute(delete(login_failures).where(login_failures.c.email_sha256 == _key(email)))

    async def purge(self, connection: AsyncConnection) -> int:
        """Delete expired rows and return their number."""
        horizon = datetime.now(UTC) - timedelta(seconds=max(self.forget, self.longest))
        result = await connection.execute(delete(login_failures).where(login_failures.c.last_failure_at < horizon))
        return result.rowcount
