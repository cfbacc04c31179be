"""A steady light load during a test: customers who send requests until they are stopped."""

import threading
import time
from itertools import cycle
from statistics import median
from typing import Self

import httpx

from sandbox.traffic.customer import Customer, Exchange
from tests.support.traffic import KINDS, Kind, Sent

__all__ = ["SteadyLoad"]

# Access tokens are valid for ten minutes.
SESSION_SECONDS = 300.0
MIX = tuple(kind for kind in KINDS if kind.name != "failure")


class SteadyLoad:
    """Customers who send every kind of request in turn, with a pause in seconds between them; use it with ``with``."""

    def __init__(self, gateway: str, *, customers: int = 1, pause: float = 0.1, kinds: tuple[Kind, ...] = MIX) -> None:
        self._customers = [Customer(gateway) for _ in range(customers)]
        self._pause, self._kinds = pause, kinds
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(one,), daemon=True) for one in self._customers]
        self.sent: list[Sent] = []
        self.broken: list[str] = []

    @property
    def exchanges(self) -> list[Exchange]:
        """Return every response, including those of registration and log-in; in order for each customer."""
        return [exchange for customer in self._customers for exchange in customer.exchanges]

    @property
    def trace_ids(self) -> list[str]:
        return [exchange.trace_id for exchange in self.exchanges]

    def failures(self) -> list[str]:
        """Return the failures for a customer: no response, or another one than required."""
        wrong = [one for one in self.sent if one.exchange.status != one.kind.status]
        return self.broken + [f"{one.kind.name} gave {one.exchange.status}" for one in wrong]

    def typical_seconds(self, since: float, until: float) -> float:
        """Return the median response time of requests sent between two times (seconds since the epoch)."""
        return median(
            one.exchange.received_at - one.exchange.sent_at
            for one in self.sent
            if since <= one.exchange.sent_at and one.exchange.received_at <= until
        )

    def go_on(self, seconds: float) -> None:
        """Let the load run for a while. Raises ``AssertionError`` if it has ended by itself."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            assert all(one.is_alive() for one in self._threads), f"the load has ended: {self.failures()}"
            self._threads[0].join(min(1.0, max(0.0, until - time.monotonic())))

    def __enter__(self) -> Self:
        for customer, thread in zip(self._customers, self._threads, strict=True):
            customer.arrive()
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for customer, thread in zip(self._customers, self._threads, strict=True):
            thread.join(30)
            customer.__exit__()

    def _send(self, customer: Customer) -> None:
        renew = time.monotonic() + SESSION_SECONDS
        for kind in cycle(self._kinds):
            try:
                if time.monotonic() > renew:
                    renew = time.monotonic() + SESSION_SECONDS
                    customer.login()
                self.sent.append(Sent(kind, kind.send(customer)))
            except (httpx.HTTPError, AssertionError) as error:
                self.broken.append(f"{kind.name} failed: {type(error).__name__}: {error}")
            if self._stop.wait(self._pause):
                return
