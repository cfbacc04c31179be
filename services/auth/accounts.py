"""Registration and login."""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass

from sqlalchemy import Row, select
from sqlalchemy.dialects.postgresql import insert

from auth import sessions, signals
from auth.lockout import Lockout
from auth.passwords import Passwords, TooBusy
from auth.schemas import Login, Registration
from auth.settings import Settings
from auth.tables import accounts
from kit.database import Database
from kit.problems import Problem

__all__ = ["Accounts"]

log = logging.getLogger(__name__)


def too_busy() -> Problem:
    """Return the problem for a full queue of passwords to hash."""
    return Problem(503, "overloaded", "Too many people log in at this moment. Try again.", headers={"Retry-After": "2"})


@dataclass(frozen=True)
class Accounts:
    """The accounts in the database, and the rules of logging in."""

    database: Database
    passwords: Passwords
    lockout: Lockout
    settings: Settings

    async def register(self, wanted: Registration) -> Row:
        """Create an account and return its row. Raises Problem 409 if the address already has one."""
        try:
            password_hash = await self.passwords.hash(wanted.password.get_secret_value())
        except TooBusy:
            raise too_busy() from None
        statement = (
            insert(accounts)
            .values(id=uuid.uuid4(), email=wanted.email, name=wanted.name, password_hash=password_hash)
            .on_conflict_do_nothing(index_elements=[accounts.c.email])
            .returning(accounts.c.id, accounts.c.email, accounts.c.name, accounts.c.created_at)
        )
        async with self.database.transaction() as connection:
            row = (await connection.execute(statement)).one_or_none()
        if row is None:
            raise Problem(409, "email-taken", "This address has an account already. Log in instead.")
        log.info(signals.USER_REGISTERED, extra={"user_id": str(row.id)})
        return row

    async def log_in(self, given: Login) -> sessions.Session:
        """Open a session. Raises Problem 401 (wrong credentials), 429 (locked out) or 503 (overloaded).

        Response and timing are the same for a wrong password and for an address without an account.
        """
        if self.passwords.busy:
            signals.LOGINS.labels(outcome="overloaded").inc()
            raise too_busy()
        async with self.database.transaction() as connection:
            attempt = await self.lockout.admit(connection, given.email)
            query = select(accounts.c.id, accounts.c.password_hash).where(accounts.c.email == given.email)
            account = (await connection.execute(query)).one_or_none()
        if attempt.refused_for:
            signals.LOGINS.labels(outcome="locked").inc()
            log.warning(signals.LOGIN_FAILED, extra={"reason": "locked", "wait_seconds": attempt.refused_for})
            raise _locked_out(attempt.refused_for)
        encoded = account.password_hash if account else None
        if not await self._matches(encoded, given) or account is None:
            self._report_failure(attempt.locks_for)
            raise Problem(401, "wrong-credentials", "The address or the password is wrong.")
        session = await self._open(account, given)
        signals.LOGINS.labels(outcome="succeeded").inc()
        log.info(signals.LOGIN_SUCCEEDED, extra={"user_id": str(account.id), "session_id": str(session.id)})
        return session

    async def _matches(self, encoded: str | None, given: Login) -> bool:
        try:
            return await self.passwords.matches(encoded, given.password.get_secret_value())
        except TooBusy:
            signals.LOGINS.labels(outcome="overloaded").inc()
            raise too_busy() from None

    async def _open(self, account: Row, given: Login) -> sessions.Session:
        renewed = None
        if self.passwords.outdated(account.password_hash):
            renewed = await self.passwords.hash(given.password.get_secret_value())
        async with self.database.transaction() as connection:
            await self.lockout.forgive(connection, given.email)
            if renewed:
                change = accounts.update().where(accounts.c.id == account.id).values(password_hash=renewed)
                await connection.execute(change)
            return await sessions.open_session(connection, account.id, self.settings.session_seconds)

    def _report_failure(self, locks_for: int) -> None:
        signals.LOGINS.labels(outcome="failed").inc()
        log.warning(signals.LOGIN_FAILED, extra={"reason": "wrong credentials"})
        if locks_for:
            signals.LOCKOUTS.inc()
            log.warning(signals.ACCOUNT_LOCKED, extra={"wait_seconds": locks_for})


def _locked_out(seconds: int) -> Problem:
    return Problem(
        429,
        "locked-out",
        f"Too many failed attempts. Try again in {seconds} seconds.",
        headers={"Retry-After": str(seconds)},
    )
