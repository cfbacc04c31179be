"""A customer of the gateway who records each request and its response."""

import secrets
import time
from dataclasses import dataclass, field
from typing import Any, Self

import httpx

from sandbox_testing import direct

__all__ = ["CARD", "DECLINED_CARD", "Customer", "Exchange"]

CARD = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2030, "cvc": "123"}
DECLINED_CARD = {**CARD, "number": "4000000000000002"}


@dataclass(frozen=True)
class Exchange:
    """One request and its response. Times are in seconds since the epoch."""

    method: str
    path: str
    status: int
    trace_id: str
    sent_at: float
    received_at: float
    response: httpx.Response = field(repr=False, compare=False)

    @property
    def json(self) -> Any:
        return self.response.json()


class Customer:
    """Uses the public API as one customer, over one connection; use it with ``with``. ``exchanges`` is in order."""

    def __init__(self, gateway: str, *, headers: dict[str, str] | None = None) -> None:
        self.http = httpx.Client(
            base_url=gateway, headers=headers, timeout=15.0, trust_env=False, verify=direct.certificates()
        )
        self.exchanges: list[Exchange] = []
        self.email = f"customer-{secrets.token_hex(6)}@example.com"
        self.password = secrets.token_urlsafe(18)

    def send(self, method: str, path: str, **request: Any) -> Exchange:
        """Send any request. The record of a response without a trace id has an empty one."""
        sent_at = time.time()
        response = self.http.request(method, path, **request)
        trace_id = response.headers.get("x-trace-id", "")
        exchange = Exchange(method, path, response.status_code, trace_id, sent_at, time.time(), response)
        self.exchanges.append(exchange)
        return exchange

    def sign_up(self, name: str = "Ada Example") -> Exchange:
        """Register an account; any response is accepted."""
        body = {"email": self.email, "password": self.password, "name": name}
        return self.send("POST", "/api/auth/register", json=body)

    def log_in(self) -> Exchange:
        """Request a token, and use it from now on if one is issued; any response is accepted."""
        body = {"email": self.email, "password": self.password}
        answer = self.send("POST", "/api/auth/login", json=body)
        if answer.status == httpx.codes.OK:
            self.http.headers["authorization"] = f"Bearer {answer.json['access_token']}"
        return answer

    def register(self, name: str = "Ada Example") -> Exchange:
        return self._must(201, self.sign_up(name))

    def login(self) -> Exchange:
        return self._must(200, self.log_in())

    def arrive(self) -> Self:
        """Register and log in."""
        self.register()
        self.login()
        return self

    def pay(self, *, card: dict[str, Any] | None = None, **fields: Any) -> Exchange:
        """Request one payment (default: EUR 19.99); any response is accepted."""
        body = {"amount": 1999, "currency": "EUR", "description": "Tea", "card": card or CARD, **fields}
        return self.send("POST", "/api/payments", json=body, headers={"idempotency-key": secrets.token_hex(16)})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    @staticmethod
    def _must(status: int, exchange: Exchange) -> Exchange:
        if exchange.status != status:
            answer = f"{exchange.status}: {exchange.response.text[:500]}"
            raise AssertionError(f"{exchange.method} {exchange.path} should give {status}, gave {answer}")
        return exchange
