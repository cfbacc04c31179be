"""Rate limits per client."""

from __future__ import annotations

import logging

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from gateway import signals
from kit.problems import Problem

__all__ = ["Limiter"]

log = logging.getLogger(__name__)


class Limiter:
    """Counts in the memory of this process: each instance of the gateway has its own limit.

    On each request, the library's store looks at every client of the last two windows: 0.2 µs for each of them.
    """

    def __init__(self, *, customer: str, address: str, browser: str) -> None:
        """The arguments are rates such as `1200/minute`."""
        self._customer, self._address, self._browser = parse(customer), parse(address), parse(browser)
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def count_customer(self, subject: str) -> None:
        """Count one request of a logged-in customer. Raises Problem 429."""
        await self._count(self._customer, "customer", subject)

    async def count_address(self, address: str) -> None:
        """Count one request of an unknown caller. Raises Problem 429."""
        await self._count(self._address, "address", address)

    async def has_room_for_browser(self, address: str) -> bool:
        """Count one report of a browser; return whether it is within the limit."""
        return await self._limiter.hit(self._browser, "browser", address)

    async def _count(self, limit: RateLimitItem, kind: str, key: str) -> None:
        if await self._limiter.hit(limit, kind, key):
            return
        signals.RATE_LIMITED.inc()
        log.warning(signals.CLIENT_LIMITED, extra={"limit": str(limit), "reason": kind})
        seconds = limit.get_expiry()
        detail = f"At most {limit.amount} requests in {seconds} seconds are allowed. Slow down."
        raise Problem(429, "rate-limited", detail, headers={"Retry-After": str(min(seconds, 10))})
