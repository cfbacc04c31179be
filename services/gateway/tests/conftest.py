"""A real gateway with a real auth and a fake payments service that a test configures."""

from __future__ import annotations

import itertools
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx
import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from testing.postgres import Server
from testing.process import Running, free_port, running_service, until

PASSWORD = "correct horse battery"
RETRY_SECONDS = 2.0
_numbers = itertools.count()


@dataclass
class FakePayments:
    """Records each request and its body; responds with `status`, `body` and `kind` after `delay` seconds."""

    seen: list[Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    status: int = 200
    body: bytes = b"{}"
    kind: str = "application/json"
    delay: float = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        self.bodies.append(await request.body())
        self.seen.append(request)
        await anyio.sleep(self.delay)
        headers = {"Content-Type": self.kind, "X-Internal": "not for clients", "Set-Cookie": "a=b"}
        await Response(self.body, self.status, headers)(scope, receive, send)

    def forget(self) -> None:
        """Reset to the initial state."""
        self.seen.clear()
        self.bodies.clear()
        self.status, self.body, self.kind, self.delay = 200, b"{}", "application/json", 0.0

    @contextmanager
    def listening(self, port: int) -> Iterator[None]:
        """Listen on the port until the context ends."""
        listener = socket.create_server(("127.0.0.1", port), backlog=128)
        server = uvicorn.Server(uvicorn.Config(self, lifespan="off", log_config=None, timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        until(lambda: server.started, "the fake payments service listens")
        try:
            yield
        finally:
            server.should_exit = True
            thread.join(10)
            listener.close()


@dataclass
class Customer:
    """A customer who has logged in through the gateway."""

    api: httpx.Client
    tokens: dict[str, Any]

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens['access_token']}"}

    def pay(self, **headers: str) -> httpx.Response:
        return self.api.post("/api/payments", json={"amount": 1}, headers={**self.bearer, **headers})

    def list_payments(self, **headers: str) -> httpx.Response:
        return self.api.get("/api/payments", headers={**self.bearer, **headers})


def log_in(api: httpx.Client) -> Customer:
    """Register a new customer and log in."""
    account = {"email": f"customer{next(_numbers)}@sandbox.test", "password": PASSWORD}
    answer = api.post("/api/auth/register", json={**account, "name": "Ada"})
    assert answer.status_code == 201, answer.text
    return Customer(api, api.post("/api/auth/login", json=account).json())


@contextmanager
def running_gateway(auth_url: str, payments_port: int, **variables: str) -> Iterator[tuple[Running, httpx.Client]]:
    """Run a gateway; yields it and a client."""
    environment = {
        "AUTH_URL": auth_url,
        "PAYMENTS_URL": f"http://127.0.0.1:{payments_port}",
        "RETRY_SECONDS": str(RETRY_SECONDS),
        "BODY_SECONDS": "1",
        **variables,
    }
    with running_service("gateway", environment) as service, httpx.Client(base_url=service.url, timeout=20) as client:
        yield service, client


@pytest.fixture(scope="session")
def auth(postgres: Server) -> Iterator[Running]:
    environment = {
        "DATABASE_URL": postgres.new_database("auth"),
        "PASSWORD_HASH_ROUNDS": "1",
        "PASSWORD_HASH_MEMORY_KIB": "64",
    }
    with running_service("auth", environment) as service:
        yield service


@pytest.fixture(scope="session")
def payments_port() -> int:
    return free_port()


@pytest.fixture(scope="session")
def listening_payments(payments_port: int) -> Iterator[FakePayments]:
    fake = FakePayments()
    with fake.listening(payments_port):
        yield fake


@pytest.fixture
def payments(listening_payments: FakePayments) -> FakePayments:
    """The fake service behind the gateway, reset for each test."""
    listening_payments.forget()
    return listening_payments


@pytest.fixture(scope="session")
def gateway_and_client(auth: Running, payments_port: int) -> Iterator[tuple[Running, httpx.Client]]:
    with running_gateway(auth.url, payments_port) as both:
        yield both


@pytest.fixture
def gateway(gateway_and_client: tuple[Running, httpx.Client]) -> Running:
    return gateway_and_client[0]


@pytest.fixture
def api(gateway_and_client: tuple[Running, httpx.Client]) -> httpx.Client:
    return gateway_and_client[1]


@pytest.fixture
def customer(api: httpx.Client) -> Customer:
    return log_in(api)


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Return status and kind of a response, which must be a problem object with its trace id."""
    body = json.loads(answer.content)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert body["status"] == answer.status_code
    assert body["trace_id"] == answer.headers["X-Trace-Id"]
    return answer.status_code, body["type"].removeprefix("urn:problem:")
