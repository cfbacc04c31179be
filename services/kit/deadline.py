"""The remaining time of a request, passed to the next service in `X-Deadline-Ms`.

The header carries the remaining milliseconds, not a time of day, because the clocks of two machines differ.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

__all__ = ["HEADER", "Deadline", "DeadlineExceeded"]

HEADER = "X-Deadline-Ms"
# A caller stops waiting at its deadline, so a response must be sent a little earlier.
_ANSWER_SECONDS = 0.02


class DeadlineExceeded(Exception):
    """The deadline has passed: the caller has stopped waiting."""


class Deadline:
    """A point in time; all durations are in seconds."""

    __slots__ = ("_end",)

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @classmethod
    def from_header(cls, value: str | None, default: float) -> Deadline:
        """Return the caller's deadline, at most `default` from now. A value that is not a number counts as absent."""
        if value is None or not value.isascii() or not value.isdigit() or len(value) > 9:
            return cls(default)
        return cls(min(int(value) / 1000 - _ANSWER_SECONDS, default))

    @property
    def remaining(self) -> float:
        """Return the seconds left; negative after the deadline."""
        return self._end - time.monotonic()

    def within(self, seconds: float) -> float:
        """Return `seconds` or the remaining time, whichever is shorter. Raises DeadlineExceeded if no time is left."""
        remaining = self.remaining
        if remaining <= 0:
            raise DeadlineExceeded
        return min(seconds, remaining)

    @asynccontextmanager
    async def enforced(self) -> AsyncIterator[None]:
        """Cancel the block at the deadline, and raise DeadlineExceeded. For work that can stop at any point."""
        limit = asyncio.timeout(self.remaining)
        try:
            async with limit:
                yield
        except TimeoutError as error:
            if limit.expired():
                raise DeadlineExceeded from error
            raise

    def headers(self) -> dict[str, str]:
        """Return the headers for the next call. Raises DeadlineExceeded if no time is left."""
        return {HEADER: str(max(1, int(self.within(3600) * 1000)))}
