"""Auth's components, created at startup and closed at shutdown."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI, Request

from auth import sessions, signals
from auth.accounts import Accounts
from auth.keys import SigningKeys
from auth.lockout import Lockout
from auth.passwords import Passwords
from auth.settings import Settings, settings
from kit.database import DATABASE_UP, Database, DatabaseUnavailable
from kit.migrations import newest_revision, upgrade
from sandbox_telemetry import instrument_database

__all__ = ["Service", "current", "lifespan"]

MIGRATIONS = Path(__file__).parent / "migrations"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Service:
    """The components that the routes use."""

    settings: Settings
    database: Database
    keys: SigningKeys
    accounts: Accounts
    lockout: Lockout


def current(request: Request) -> Service:
    """Return the service of this request's application."""
    return request.app.state.service


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Wait for the database, migrate it and load the keys; at shutdown, close everything."""
    chosen = settings()
    database = Database(chosen.database_url.get_secret_value(), application="auth", pool_size=chosen.database_pool_size)
    instrument_database(database.engine)
    try:
        await database.wait(chosen.database_wait_seconds)
    except DatabaseUnavailable:
        log.error(signals.DATABASE_UNAVAILABLE, extra={"wait_seconds": chosen.database_wait_seconds})
        raise
    if await upgrade(database, MIGRATIONS):
        log.info(signals.MIGRATED, extra={"migration": newest_revision(MIGRATIONS)})
    passwords = Passwords(
        rounds=chosen.password_hash_rounds,
        memory_kib=chosen.password_hash_memory_kib,
        threads=chosen.password_hash_threads,
        queue=chosen.password_hash_queue,
    )
    lockout = Lockout(
        failures=chosen.lockout_failures,
        first=chosen.lockout_seconds,
        longest=chosen.lockout_longest_seconds,
        forget=chosen.lockout_forget_seconds,
    )
    keys = await SigningKeys.load(database)
    accounts = Accounts(database, passwords, lockout, chosen)
    app.state.service = service = Service(chosen, database, keys, accounts, lockout)
    background = [
        asyncio.create_task(_keep_house(service)),
        asyncio.create_task(database.watch(DATABASE_UP.set)),
    ]
    try:
        yield
    finally:
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        passwords.close()
        await database.close()


async def _keep_house(service: Service) -> None:
    """Periodically delete sessions that expired a day ago and failures that no longer count."""
    while True:
        await asyncio.sleep(service.settings.housekeeping_seconds)
        try:
            async with service.database.transaction() as connection:
                await sessions.purge(connection, keep_seconds=24 * 3600)
                await service.lockout.purge(connection)
        except DatabaseUnavailable as error:
            log.warning(signals.DATABASE_UNAVAILABLE, extra={"error_type": type(error.__cause__).__name__})
