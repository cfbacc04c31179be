"""PostgreSQL for a service: a small pool, short timeouts and one exception for an unavailable database."""

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

# Defined here, so that a service without a database has no metric that says it is down.
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
    """The database could not be reached, or did not respond in time. A commit may or may not have taken place."""


class Database:
    """The database of a service; `engine` is the object to instrument.

    `url` is postgresql://user:password@host:port/name. Every statement has a time limit in seconds.
    """

    def __init__(self, url: str, application: str, *, pool_size: int = 10) -> None:
        arguments = {
            "timeout": _CONNECT_SECONDS,
            "command_timeout": _STATEMENT_SECONDS,
            # Otherwise a server that is being stopped waits until its clients' transactions end by themselves.
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
        # AUTOCOMMIT saves a single statement the two round trips of a transaction.
        self._single = self.engine.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Run a block as one transaction. Do not wait for anything else inside: it holds one of few connections."""
        with _translated():
            async with self.engine.begin() as connection:
                yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Provide a connection for one statement, or for several that need not see the same snapshot."""
        with _translated():
            async with self._single.connect() as connection:
                yield connection

    async def ping(self) -> None:
        """Return if the database responds. Raises DatabaseUnavailable if it does not."""
        async with self.read() as connection:
            await connection.execute(text("SELECT 1"))

    async def wait(self, within: float) -> None:
        """Return when the database responds. Raises DatabaseUnavailable after `within` seconds."""
        end = time.monotonic() + within
        while True:
            try:
                return await self.ping()
            except DatabaseUnavailable:
                if time.monotonic() >= end:
                    raise
            await asyncio.sleep(0.2)

    async def watch(self, report: Callable[[bool], object]) -> None:
        """Call `report` each second with whether the database responds; False after two failed checks in a row.

        It uses its own connection: an exhausted pool is a different problem, and these statements belong to no request.
        """
        engine = create_async_engine(self.engine.url, pool_size=1, max_overflow=0, connect_args=_WATCHER)
        failures = 0
        # The database has responded before a service starts serving. Until the first check, the metric would be 0.
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
        """Close all connections."""
        await self.engine.dispose()


def _refuse_closed(connection: Any, _record: Any, _proxy: Any) -> None:
    # A connection that died while idle must not fail a request. asyncpg notices a closed socket itself; asking the
    # server (pool_pre_ping) takes three round trips each time.
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
    # While connecting, SQLAlchemy raises the driver's own exceptions unchanged: the server is starting or stopping.
    except asyncpg.PostgresError as error:
        if _means_absence(error):
            raise DatabaseUnavailable from error
        raise
    except (PoolExhausted, TimeoutError, OSError) as error:
        raise DatabaseUnavailable from error


def _means_absence(error: BaseException | None) -> bool:
    return (getattr(error, "sqlstate", None) or "").startswith(_UNAVAILABLE_STATES)
