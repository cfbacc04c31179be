"""PostgreSQL as a service uses it: a small pool, short patience and one error for "not there"."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import asyncpg
from prometheus_client import Gauge
from sqlalchemy import event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from sandbox_telemetry.metrics import REGISTRY

__all__ = ["DATABASE_UP", "Database", "DatabaseUnavailable"]

# Here, so that a service without a database does not seem to have one that is down.
DATABASE_UP = Gauge(
    "database_up",
    "1 while the service's own database answers, 0 after two checks in a row without an answer.",
    registry=REGISTRY,
)

_CONNECT_SECONDS = 2.0
_STATEMENT_SECONDS = 5.0
_POOL_WAIT_SECONDS = 2.0
_CHECK_SECONDS = 1.0
_WATCHER = {
    "timeout": _CHECK_SECONDS,
    "command_timeout": _CHECK_SECONDS,
    "server_settings": {"application_name": "watch"},
}
# SQLSTATE classes: connection exception, insufficient resources, operator intervention, lock not available.
_UNAVAILABLE_STATES = ("08", "53", "57", "55P03")


class DatabaseUnavailable(Exception):
    """The database could not be reached, or did not answer in time. Whether a commit took place is not known."""


class Database:
    """One service's database; `engine` is what telemetry instruments.

    `url` is postgresql://user:password@host:port/name. Every statement has a time limit in seconds.
    """

    def __init__(self, url: str, application: str, *, pool_size: int = 10) -> None:
        arguments = {
            "timeout": _CONNECT_SECONDS,
            "command_timeout": _STATEMENT_SECONDS,
            # Without it a server that is told to stop waits for its clients' transactions to end by themselves.
            "server_settings": {"application_name": application, "idle_in_transaction_session_timeout": "10000"},
        }
        self.engine = create_async_engine(
            make_url(url).set(drivername="postgresql+asyncpg"),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=_POOL_WAIT_SECONDS,
            connect_args=arguments,
            # Values in an error message would reach the logs.
            hide_parameters=True,
        )
        event.listen(self.engine.sync_engine, "checkout", _refuse_closed)
        # AUTOCOMMIT spares a single statement the two round trips of a transaction.
        self._single = self.engine.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """All or nothing. Do no other waiting inside: it holds one of few connections."""
        with _translated():
            async with self.engine.begin() as connection:
                yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """For a single statement, or for several that need not agree with one another."""
        with _translated():
            async with self._single.connect() as connection:
                yield connection

    async def ping(self) -> None:
        """Return when the database answers; raise DatabaseUnavailable when it does not."""
        async with self.read() as connection:
            await connection.execute(text("SELECT 1"))

    async def wait(self, within: float) -> None:
        """Return once the database answers. Raises DatabaseUnavailable after `within` seconds without one."""
        end = time.monotonic() + within
        while True:
            try:
                return await self.ping()
            except DatabaseUnavailable:
                if time.monotonic() >= end:
                    raise
            await asyncio.sleep(0.2)

    async def watch(self, report: Callable[[bool], object]) -> None:
        """Tell `report` each second whether the database answers; False after two checks in a row without an answer.

        Over a connection of its own: a pool that is used up is another trouble, and no request made these statements.
        """
        engine = create_async_engine(self.engine.url, pool_size=1, max_overflow=0, connect_args=_WATCHER)
        failures = 0
        # A service begins to serve after the database has answered it. Until the first check a metric would say 0.
        report(True)
        try:
            while True:
                try:
                    async with asyncio.timeout(_CHECK_SECONDS), engine.connect() as connection:
                        await connection.execute(text("SELECT 1"))
                    failures = 0
                except (DBAPIError, DisconnectionError, TimeoutError, OSError):
                    failures += 1
                if failures != 1:
                    report(failures == 0)
                await asyncio.sleep(_CHECK_SECONDS)
        finally:
            await engine.dispose()

    async def close(self) -> None:
        """Give the connections back."""
        await self.engine.dispose()


def _refuse_closed(connection: Any, _record: Any, _proxy: Any) -> None:
    # A connection that died while idle must not cost a request. asyncpg has noticed by itself that its socket was
    # closed; asking the server instead (pool_pre_ping) costs three round trips each time.
    if connection.driver_connection.is_closed():
        raise DisconnectionError


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        if error.connection_invalidated or _means_absence(error.orig):
            raise DatabaseUnavailable from error
        raise
    # SQLAlchemy hands on as it is what the driver raises while it connects: a server that is starting or stopping.
    except asyncpg.PostgresError as error:
        if _means_absence(error):
            raise DatabaseUnavailable from error
        raise
    except (PoolExhausted, TimeoutError, OSError) as error:
        raise DatabaseUnavailable from error


def _means_absence(error: BaseException | None) -> bool:
    return (getattr(error, "sqlstate", None) or "").startswith(_UNAVAILABLE_STATES)
