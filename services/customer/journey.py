"""One journey: log in, pay, read the payment, sometimes refund it, log out."""

from __future__ import annotations

import random
import secrets
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

__all__ = ["MARKS", "Journey", "Step", "StepFailed"]

# Every request is marked as synthetic: in User-Agent for people, and as baggage for the services that process it.
MARKS = {"User-Agent": "synthetic-customer", "baggage": "synthetic=true"}

CURRENCIES = ("EUR", "EUR", "EUR", "USD", "GBP")
APPROVED_CARDS = ("4242424242424242", "5555555555554444", "378282246310005")
DECLINED_CARDS = ("4000000000000002", "4000000000009995", "4000000000000127")
# Real customers are declined and ask for refunds; the dashboards should show both.
DECLINED_SHARE = 0.1
REFUNDED_SHARE = 0.25


class StepFailed(Exception):
    """A step failed; `reason` is a status or the type of an error, `trace_id` may be empty."""

    def __init__(self, step: str, reason: str, trace_id: str = "") -> None:
        super().__init__(f"{step}: {reason}")
        self.step, self.reason, self.trace_id = step, reason, trace_id


@dataclass(frozen=True, slots=True)
class Step:
    """One request; `outcome` is success or failure, `seconds` is the time until the end of its response."""

    name: str
    outcome: str
    seconds: float


@dataclass(slots=True)
class Journey:
    """A customer with one account, created in the first journey and used by all later ones.

    `steps` are those of the current journey, or of the last one.
    """

    client: httpx.AsyncClient
    email: str = ""
    password: str = ""
    steps: list[Step] = field(default_factory=list)

    async def travel(self) -> None:
        """Run one journey from login to logout. Raises StepFailed at the first step that fails."""
        self.steps = []
        if not self.email:
            await self._register()
        answer = await self._step("login", 200, "POST", "/api/auth/login", self._credentials())
        bearer = {"Authorization": f"Bearer {answer['access_token']}"}
        if random.random() < DECLINED_SHARE:
            await self._step("declined_payment", 402, "POST", "/api/payments", _order(DECLINED_CARDS), _keyed(bearer))
        payment = await self._step("payment", 201, "POST", "/api/payments", _order(APPROVED_CARDS), _keyed(bearer))
        path = f"/api/payments/{payment['id']}"
        await self._step("read", 200, "GET", path, headers=bearer)
        await self._step("list", 200, "GET", "/api/payments", headers=bearer)
        if random.random() < REFUNDED_SHARE:
            await self._step("refund", 201, "POST", f"{path}/refunds", {}, _keyed(bearer))
        await self._step("logout", 204, "POST", "/api/auth/logout", headers=bearer)

    def _credentials(self) -> dict[str, str]:
        return {"email": self.email, "password": self.password}

    async def _register(self) -> None:
        email, password = f"synthetic-{secrets.token_hex(6)}@example.com", secrets.token_urlsafe(18)
        wanted = {"email": email, "password": password, "name": "Synthetic Customer"}
        await self._step("register", 201, "POST", "/api/auth/register", wanted)
        self.email, self.password = email, password

    async def _step(
        self,
        step: str,
        expected: int,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        started = time.perf_counter()
        outcome, trace_id = "failure", ""
        try:
            response = await self.client.request(method, path, json=body, headers=headers)
            trace_id = response.headers.get("X-Trace-Id", "")
            if response.status_code != expected:
                self._forget_account(step, response.status_code)
                raise StepFailed(step, str(response.status_code), trace_id)
            answer = response.json() if response.content else None
            outcome = "success"
            return answer
        except (httpx.HTTPError, ValueError) as error:
            raise StepFailed(step, type(error).__name__, trace_id) from error
        finally:
            self.steps.append(Step(step, outcome, time.perf_counter() - started))

    def _forget_account(self, step: str, status: int) -> None:
        # The database was emptied: the next journey creates a new account.
        if step == "login" and status == 401:
            self.email = ""


def _keyed(headers: Mapping[str, str]) -> dict[str, str]:
    return {**headers, "Idempotency-Key": str(uuid.uuid4())}


def _order(cards: tuple[str, ...]) -> dict[str, Any]:
    card = {"number": random.choice(cards), "exp_month": 12, "exp_year": 2040, "cvc": "1234"}
    if not card["number"].startswith("3"):
        card["cvc"] = "123"
    return {
        "amount": random.randrange(500, 20_000),
        "currency": random.choice(CURRENCIES),
        "card": card,
        "description": "synthetic journey",
    }
