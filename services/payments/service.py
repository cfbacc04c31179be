"""Payments' components, created at startup and closed at shutdown."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from fastapi import FastAPI, Request

from kit.database import DATABASE_UP, Database
from kit.migrations import newest_revision, upgrade
from payments import signals
from payments.card_network import CardNetwork
from payments.flows import Flows
from payments.housekeeping import keep_house
from payments.session import Sessions
from payments.settings import Settings, settings
from sandbox_telemetry import instrument_database, instrument_http_client

__all__ = ["Service", "current", "lifespan"]

MIGRATIONS = Path(__file__).parent / "migrations"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Service:
    """The components that the routes use."""

    settings: Settings
    database: Database
    sessions: Sessions
    network: CardNetwork
    flows: Flows


async def current(request: Request) -> Service:
    """Return the service of this request's application."""
    return request.app.state.service


# Create the series now: a counter that first appears with a failure shows no increase, and the alert would come a
# payment later.
_CURRENCIES = ("EUR", "USD", "GBP")


def _announce_failures() -> None:
    for currency in _CURRENCIES:
        for outcome in ("failed", "unknown"):
            signals.PAYMENTS.labels(outcome, currency, "none")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Wait for the database, migrate it and open the connections; at shutdown, close everything."""
    chosen = settings()
    _announce_failures()
    async with AsyncExitStack() as stack:
        database = await _database(stack, chosen)
        app.state.service = service = await _service(stack, chosen, database)
        background = [
            asyncio.create_task(service.sessions.keys.keep_fresh()),
            asyncio.create_task(database.watch(DATABASE_UP.set)),
            asyncio.create_task(keep_house(database, service.flows, service.network, chosen)),
        ]
        try:
            yield
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)


async def _database(stack: AsyncExitStack, chosen: Settings) -> Database:
    url = chosen.database_url.get_secret_value()
    database = Database(url, application="payments", pool_size=chosen.database_pool_size)
    stack.push_async_callback(database.close)
    await database.wait(chosen.database_wait_seconds)
    if await upgrade(database, MIGRATIONS):
        log.info(signals.MIGRATED, extra={"migration": newest_revision(MIGRATIONS)})
    # Instrumented only now: statements of the startup belong to no request.
    instrument_database(database.engine)
    return database


async def _service(stack: AsyncExitStack, chosen: Settings, database: Database) -> Service:
    client = await stack.enter_async_context(_client(chosen))
    instrument_http_client(client)
    sessions = Sessions(client, chosen.auth_url.rstrip("/"), chosen.auth_timeout_seconds, chosen.auth_retry_seconds)
    network = CardNetwork(
        client,
        chosen.acquirer_url.rstrip("/"),
        timeout=chosen.acquirer_timeout_seconds,
        attempts=chosen.acquirer_attempts,
        failures=chosen.circuit_failures,
        open_seconds=chosen.circuit_open_seconds,
    )
    return Service(chosen, database, sessions, network, Flows(database, network))


def _client(chosen: Settings) -> httpx.AsyncClient:
    # Less than uvicorn's five seconds: a request on a connection that the server just closed would fail.
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=4.0)
    # Loading the certificates of all authorities takes time and memory, and plain HTTP does not need them.
    verify = any(url.startswith("https:") for url in (chosen.auth_url, chosen.acquirer_url))
    return httpx.AsyncClient(limits=limits, verify=verify, trust_env=False)
