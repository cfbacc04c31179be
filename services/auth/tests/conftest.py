"""A real auth on a real PostgreSQL, with limits short enough to expire during a test."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from testing.postgres import Server
from testing.process import Running, running_service

PASSWORD = "correct horse battery"
FAILURES = 4
LOCKED_SECONDS = 3
_numbers = itertools.count()

ENVIRONMENT = {
    "LOCKOUT_FAILURES": str(FAILURES),
    "LOCKOUT_SECONDS": str(LOCKED_SECONDS),
    # Weak hashes, because these tests do not examine their strength; a test that does sets its own parameters.
    "PASSWORD_HASH_ROUNDS": "1",
    "PASSWORD_HASH_MEMORY_KIB": "64",
}


@dataclass
class Customer:
    """An account, and the tokens of a session."""

    api: httpx.Client
    email: str
    tokens: dict[str, Any] = field(default_factory=dict)

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens['access_token']}"}

    def log_in(self, password: str = PASSWORD) -> httpx.Response:
        answer = self.api.post("/login", json={"email": self.email, "password": password})
        if answer.status_code == 200:
            self.tokens = answer.json()
        return answer

    def refresh(self, token: str | None = None) -> httpx.Response:
        return self.api.post("/refresh", json={"refresh_token": token or self.tokens["refresh_token"]})

    def session(self) -> httpx.Response:
        return self.api.get("/session", headers=self.bearer)


def new_address() -> str:
    return f"customer{next(_numbers)}@sandbox.test"


def register(api: httpx.Client) -> Customer:
    customer = Customer(api, new_address())
    answer = api.post("/register", json={"email": customer.email, "password": PASSWORD, "name": "Ada Lovelace"})
    assert answer.status_code == 201, answer.text
    return customer


@pytest.fixture(scope="session")
def database_url(postgres: Server) -> str:
    return postgres.new_database("auth")


@pytest.fixture(scope="session")
def auth(database_url: str) -> Iterator[Running]:
    with running_service("auth", {"DATABASE_URL": database_url, **ENVIRONMENT}) as service:
        yield service


@pytest.fixture(scope="session")
def api(auth: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=auth.url, timeout=20) as client:
        yield client


@pytest.fixture
def customer(api: httpx.Client) -> Customer:
    """A customer who has just logged in."""
    somebody = register(api)
    assert somebody.log_in().status_code == 200
    return somebody
