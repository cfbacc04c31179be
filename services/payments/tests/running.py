"""payments as a real process, for tests of its HTTP interface."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx

from payments.tables import metadata
from testing.postgres import Server
from testing.process import Running, running_service, until

CIRCUIT_FAILURES = 4
CIRCUIT_SECONDS = 1
ACQUIRER_TIMEOUT = 0.5

CARD = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2040, "cvc": "123"}
_people = itertools.count()


@dataclass
class Customer:
    """A logged-in customer."""

    api: httpx.Client
    bearer: dict[str, str]

    def pay(self, key: str | None = None, headers: dict[str, str] | None = None, **changes: Any) -> httpx.Response:
        body = {"amount": 1250, "currency": "EUR", "card": CARD, "description": "two coffees", **changes}
        return self.post("/payments", body, key or str(uuid.uuid4()), headers)

    def post(
        self, path: str, body: Any = None, key: str | None = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        keyed = {"Idempotency-Key": key} if key else {}
        return self.api.post(path, json=body, headers={**self.bearer, **keyed, **(headers or {})})

    def get(self, path: str) -> httpx.Response:
        return self.api.get(path, headers=self.bearer)


@dataclass
class Shop:
    """The three services; each `Customer` has its own account."""

    payments: Running
    auth: Running
    acquirer: Running
    api: httpx.Client
    database_url: str
    postgres: Server

    def customer(self) -> Customer:
        who = {"email": f"payer{next(_people)}@sandbox.test", "password": "correct horse battery"}
        httpx.post(f"{self.auth.url}/register", json={**who, "name": "Ada"}, timeout=20).raise_for_status()
        tokens = httpx.post(f"{self.auth.url}/login", json=who, timeout=20).json()
        return Customer(self.api, {"Authorization": f"Bearer {tokens['access_token']}"})

    def dump(self) -> str:
        """Return the content of payments' database, as SQL."""
        return self.postgres.dump(self.database_url)

    def columns(self) -> set[str]:
        """Return the names of all columns in payments' database."""
        return {str(column.name) for table in metadata.tables.values() for column in table.columns}

    @contextmanager
    def locked(self, table: str) -> Iterator[None]:
        """Lock the table against reads and writes: a database that is up but does not respond."""
        with asyncio.Runner() as runner:
            connection = runner.run(asyncpg.connect(self.database_url))
            runner.run(connection.execute(f"BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))
            yield
            runner.run(connection.close())

    def log_out(self, customer: Customer) -> None:
        httpx.post(f"{self.auth.url}/logout", headers=customer.bearer, timeout=20).raise_for_status()

    def acquirer_is(self, **behaviour: Any) -> None:
        httpx.put(f"{self.acquirer.url}/control", json=behaviour, timeout=20).raise_for_status()

    def calm(self) -> None:
        """Reset the acquirer, and wait until the circuit is closed."""
        self.acquirer_is()
        if self.payments.sample("circuit_open", peer="acquirer"):
            customer = self.customer()
            until(lambda: customer.pay().status_code == 201, "the circuit is closed", within=10)


@contextmanager
def open_shop(postgres: Server) -> Iterator[Shop]:
    """Start all services, with timeouts short enough to expire in a test."""
    cheap = {"PASSWORD_HASH_ROUNDS": "1", "PASSWORD_HASH_MEMORY_KIB": "64"}
    url = postgres.new_database("payments")
    with (
        running_service("acquirer", {}) as acquirer,
        running_service("auth", {"DATABASE_URL": postgres.new_database("auth"), **cheap}) as auth,
        running_service(
            "payments",
            {
                "DATABASE_URL": url,
                "AUTH_URL": auth.url,
                "ACQUIRER_URL": acquirer.url,
                "FINGERPRINT_KEY": "a secret of the test",
                "ACQUIRER_TIMEOUT_SECONDS": str(ACQUIRER_TIMEOUT),
                "CIRCUIT_FAILURES": str(CIRCUIT_FAILURES),
                "CIRCUIT_OPEN_SECONDS": str(CIRCUIT_SECONDS),
                "SETTLE_AFTER_SECONDS": "1",
                "HOUSEKEEPING_SECONDS": "0.3",
            },
        ) as payments,
        httpx.Client(base_url=payments.url, timeout=30) as api,
    ):
        yield Shop(payments, auth, acquirer, api, url, postgres)
