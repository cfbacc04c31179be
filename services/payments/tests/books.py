"""Payments' own code on a real PostgreSQL and a real acquirer, with a simulated network between them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
from fastapi import FastAPI
from sqlalchemy import text

from acquirer.app import create
from kit.database import Database
from kit.deadline import Deadline
from kit.migrations import upgrade
from payments.card_network import CardNetwork
from payments.flows import Flows
from payments.housekeeping import settle_forgotten
from payments.idempotency import Answer, Request
from payments.schemas import PaymentRequest
from payments.service import MIGRATIONS

GOOD_CARD = "4242424242424242"
BROKE_CARD = "4000000000009995"

# What can happen to a request on its way to the acquirer; `lost` and `late` happen after it took effect.
WEATHER = ("calm", "refused", "down", "failing", "lost", "late")


@dataclass
class Weather(httpx.AsyncBaseTransport):
    """The simulated network: each request takes the next entry of `forecast`, and succeeds if none is left."""

    app: FastAPI
    forecast: list[str] = field(default_factory=list)
    requests: int = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        now = self.forecast.pop(0) if self.forecast else "calm"
        if now == "refused":
            raise httpx.ConnectError("refused", request=request)
        if now in ("down", "failing"):
            return httpx.Response(503 if now == "down" else 500, request=request)
        response = await httpx.ASGITransport(self.app).handle_async_request(request)
        if now == "lost":
            raise httpx.ReadError("connection reset", request=request)
        if now == "late":
            raise httpx.ReadTimeout("too late", request=request)
        return response


class Books:
    """Everything that a test of the ledger needs; `run` drives its own event loop."""

    def __init__(self, url: str, *, attempts: int = 2, failures: int = 10_000, open_seconds: float = 60.0) -> None:
        self._runner = asyncio.Runner()
        self.app = create()
        self.weather = Weather(self.app)
        self.database = Database(url, application="test")
        self.client = httpx.AsyncClient(transport=self.weather)
        self.network = CardNetwork(
            self.client,
            "http://acquirer",
            timeout=2.0,
            attempts=attempts,
            failures=failures,
            open_seconds=open_seconds,
        )
        self.flows = Flows(self.database, self.network)
        self.run(upgrade(self.database, MIGRATIONS))

    def run(self, work: Awaitable[Any]) -> Any:
        """Return the result of a coroutine."""

        async def awaited() -> Any:
            return await work

        return self._runner.run(awaited())

    def close(self) -> None:
        """Close everything."""
        self.run(self.client.aclose())
        self.run(self.database.close())
        self._runner.close()

    async def pay(
        self,
        user: str,
        key: str,
        amount: int = 1000,
        *,
        currency: str = "EUR",
        number: str = GOOD_CARD,
        capture: bool = True,
    ) -> Answer:
        """POST /payments without HTTP."""
        card = {"number": number, "exp_month": 12, "exp_year": 2040, "cvc": "123"}
        wanted = PaymentRequest(amount=amount, currency=currency, card=card, capture=capture)
        return await self.flows.pay(request(user, key, str(amount), currency, number), wanted, Deadline(8))

    async def refund(self, user: str, key: str, payment: UUID, amount: int | None) -> Answer:
        """POST /payments/{id}/refunds without HTTP."""
        return await self.flows.refund(request(user, key, str(payment), str(amount)), payment, amount, Deadline(8))

    async def capture(self, user: str, payment: UUID, amount: int | None) -> Answer:
        """POST /payments/{id}/capture without HTTP."""
        return await self.flows.capture(user, payment, amount, Deadline(8))

    async def keep_house(self) -> int:
        """Settle all open operations that no worker holds."""
        return await settle_forgotten(self.database, self.flows, self.network, timedelta(0))

    def rows(self, query: str, **values: Any) -> list[dict[str, Any]]:
        """Return the rows of a query."""

        async def read() -> list[dict[str, Any]]:
            async with self.database.read() as connection:
                return [dict(row) for row in (await connection.execute(text(query), values)).mappings()]

        return self.run(read())

    def charged(self) -> tuple[int, int]:
        """Return the sums that the acquirer charged and refunded."""
        accounts = self.app.state.network.accounts.values()
        return sum(a.captured for a in accounts), sum(a.refunded for a in accounts)


def request(user: str, key: str, *parts: str) -> Request:
    """Return a key with the fingerprint of `parts`."""
    return Request.of(user, key, "a secret of the test", *parts)


async def gather(works: Iterable[Awaitable[Any]]) -> list[Any]:
    """Run all at once; exceptions are results."""
    return await asyncio.gather(*works, return_exceptions=True)
