"""How long a request may still take, told to whoever is asked next in `X-Deadline-Ms`.

The header carries the milliseconds that remain, not a time of day, because the clocks of two machines differ.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

__all__ = ["HEADER", "Deadline", "DeadlineExceeded"]

HEADER = "X-Deadline-Ms"
# A caller stops listening at its deadline; an answer must leave a little earlier to be of use.
_ANSWER_SECONDS = 0.02


class DeadlineExceeded(Exception):
    """Nobody waits for the answer any more."""


class Deadline:
    """A point in time; all durations are in seconds."""

    __slots__ = ("_end",)

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @classmethod
    def from_header(cls, value: str | None, default: float) -> Deadline:
        """What the caller allows, but never more than `default`; anything that is not a number counts as absent."""
        if value is None or not value.isascii() or not value.isdigit() or len(value) > 9:
            return cls(default)
        return cls(min(int(value) / 1000 - _ANSWER_SECONDS, default))

    @property
    def remaining(self) -> float:
        """Seconds left; negative when it has passed."""
        return self._end - time.monotonic()

    def within(self, seconds: float) -> float:
        """The shorter of `seconds` and what remains. Raises DeadlineExceeded when nothing does."""
        remaining = self.remaining
        if remaining <= 0:
            raise DeadlineExceeded
        return min(seconds, remaining)

    @asynccontextmanager
    async def enforced(self) -> AsyncIterator[None]:
        """Cancel what is inside when the time is over, and raise DeadlineExceeded; for work that may stop anywhere."""
        limit = asyncio.timeout(self.remaining)
        try:
            async with limit:
                yield
        except TimeoutError as error:
            if limit.expired():
                raise DeadlineExceeded from error
            raise

    def headers(self) -> dict[str, str]:
        """For the next call. Raises DeadlineExceeded when nothing remains."""
        return {HEADER: str(max(1, int(self.within(3600) * 1000)))}
