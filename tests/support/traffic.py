"""Mixed traffic with known totals: a number of requests of each kind, in a shuffled order that a seed repeats."""

import random
import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.traffic.customer import CARD, DECLINED_CARD, Customer, Exchange
from sandbox_testing import direct

__all__ = ["KINDS", "TIMEOUT", "Kind", "Sent", "send_mixed", "send_timeouts"]

UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"
ONE_PAYMENT = "/api/payments/{payment_id}"
MISTYPED_CARD = {**CARD, "number": "4242424242424241"}


@dataclass(frozen=True)
class Kind:
    """A kind of request: how to send it, the required response and the route template under which it is counted."""

    name: str
    route: str
    status: int
    send: Callable[[Customer], Exchange]


def _fail(customer: Customer) -> Exchange:
    return customer.send("POST", f"/api/debug/{random.choice(['gateway', 'auth', 'payments'])}/error")


def _without_session(customer: Customer) -> Exchange:
    return customer.send("GET", "/api/payments", headers={"authorization": ""})


KINDS = (
    Kind("success", "/api/payments", 201, lambda customer: customer.pay()),
    Kind("decline", "/api/payments", 402, lambda customer: customer.pay(card=DECLINED_CARD)),
    Kind("list", "/api/payments", 200, lambda customer: customer.send("GET", "/api/payments")),
    Kind("invalid", "/api/payments", 422, lambda customer: customer.pay(card=MISTYPED_CARD)),
    Kind("missing", ONE_PAYMENT, 404, lambda customer: customer.send("GET", f"/api/payments/{UNKNOWN_ID}")),
    Kind("no route", "unmatched", 404, lambda customer: customer.send("GET", f"/api/{secrets.token_hex(4)}")),
    Kind("no session", "/api/payments", 401, _without_session),
    Kind("failure", "/api/debug/{service}/error", 500, _fail),
)


# Not in the mix: it needs a hanging acquirer, and after five in a row the circuit breaker would respond instead.
TIMEOUT = Kind("timeout", "/api/payments", 504, lambda customer: customer.pay())


@dataclass(frozen=True)
class Sent:
    """One request of the traffic, with its kind."""

    kind: Kind
    exchange: Exchange

    @property
    def series(self) -> tuple[str, str, str]:
        """The labels under which the gateway counts it: method, route, status."""
        return (self.exchange.method, self.kind.route, str(self.exchange.status))


def send_mixed(customer: Customer, each: int, seed: int = 4) -> list[Sent]:
    """Send ``each`` requests of every kind. Raises ``AssertionError`` if a response is not the required one."""
    order = [kind for kind in KINDS for _ in range(each)]
    random.Random(seed).shuffle(order)
    return _send(customer, order)


def send_timeouts(customer: Customer, acquirer: str, number: int = 3) -> list[Sent]:
    """Pay ``number`` times while the acquirer accepts requests and never responds; sets this at its address."""
    direct.put(f"{acquirer}/control", json={"hang": True}, timeout=5.0).raise_for_status()
    try:
        return _send(customer, [TIMEOUT] * number)
    finally:
        direct.put(f"{acquirer}/control", json={}, timeout=5.0).raise_for_status()


def _send(customer: Customer, order: list[Kind]) -> list[Sent]:
    sent = [Sent(kind, kind.send(customer)) for kind in order]
    wrong = Counter(
        f"{one.kind.name} gave {one.exchange.status}" for one in sent if one.exchange.status != one.kind.status
    )
    assert not wrong, f"unexpected answers: {dict(wrong)}"
    return sent
