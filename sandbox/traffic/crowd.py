"""Customers who send requests during a fault, with a record of the response to each request."""

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from sandbox.traffic.customer import DECLINED_CARD, Customer, Exchange

__all__ = ["Crowd", "Visit"]

PAUSE_SECONDS = 0.2
# One log-in and several requests per visit, like the synthetic customer, so that failures of log-in are noticed too.
REQUESTS_A_VISIT = 12

Send = Callable[[Customer], Exchange]


@dataclass(frozen=True)
class Visit:
    """One request of one customer.

    `sent_at` is in seconds since the epoch. `status` is 0 without a response. `ok` is True if the response was the
    required one.
    """

    customer: str
    what: str
    status: int
    ok: bool
    sent_at: float
    seconds: float
    trace_id: str


class Crowd:
    """Several customers, each in its own thread. ``visits`` grows while they run."""

    def __init__(self, gateway: str, size: int) -> None:
        self._gateway = gateway
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._live, args=(n,), daemon=True) for n in range(size)]
        self.visits: list[Visit] = []

    @contextmanager
    def present(self) -> Iterator["Crowd"]:
        """Send requests while the block runs."""
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join(20)

    def hurt(self, since: float) -> list[Visit]:
        """Return the requests since a time without the required response."""
        return [visit for visit in self.visits if visit.sent_at >= since and not visit.ok]

    @property
    def size(self) -> int:
        return len(self._threads)

    def _live(self, number: int) -> None:
        name = f"customer {number + 1}"
        with Customer(self._gateway) as person:
            while not self._stop.is_set() and not self._take(name, "register", 201, person, _register):
                self._stop.wait(1.0)
            while not self._stop.is_set():
                self._visit(name, person)

    def _visit(self, name: str, person: Customer) -> None:
        if not self._take(name, "login", 200, person, Customer.log_in):
            self._stop.wait(1.0)
            return
        for turn in range(REQUESTS_A_VISIT):
            if self._stop.is_set():
                return
            what, status, send = _REQUESTS[turn % len(_REQUESTS)]
            self._take(name, what, status, person, send)

    def _take(self, name: str, what: str, status: int, person: Customer, send: Send) -> bool:
        began = time.time()
        try:
            answer = send(person)
            got, trace_id = answer.status, answer.trace_id
        except httpx.HTTPError:
            got, trace_id = 0, ""
        self.visits.append(Visit(name, what, got, got == status, began, time.time() - began, trace_id))
        self._stop.wait(PAUSE_SECONDS)
        return got == status


def _register(person: Customer) -> Exchange:
    # A request without a response may have created the account.
    person.email = f"customer-{secrets.token_hex(6)}@example.com"
    return person.sign_up()


_REQUESTS = (
    ("pay", 201, lambda person: person.pay()),
    ("list", 200, lambda person: person.send("GET", "/api/payments")),
    ("declined", 402, lambda person: person.pay(card=DECLINED_CARD)),
    ("list", 200, lambda person: person.send("GET", "/api/payments")),
    ("account", 200, lambda person: person.send("GET", "/api/auth/me")),
    ("pay", 201, lambda person: person.pay()),
)
