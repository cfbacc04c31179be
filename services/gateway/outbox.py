"""Forwards browsers' reports in the background and in order; retries while a store is unavailable."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import httpx

__all__ = ["Outbox", "Parcel"]

# Limits of the queue: ten minutes of an unavailable store, or 20 MiB, whichever is less.
CAPACITY = 2_000
PATIENCE_SECONDS = 600.0
_TIMEOUT_SECONDS = 5.0
_PAUSE_SECONDS = (0.1, 5.0)


@dataclass(frozen=True)
class Parcel:
    """One request to send. `done` is called once with the outcome: exported, refused or lost."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    done: Callable[[str], None]
    created: float = field(default_factory=time.monotonic)


class Outbox:
    """`run()` sends until it is cancelled. The client is not instrumented: sending telemetry creates no telemetry."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._waiting: asyncio.Queue[Parcel] = asyncio.Queue(capacity)

    def put(self, parcel: Parcel) -> bool:
        """Queue a parcel; return False if the queue is full (the parcel then counts as lost)."""
        try:
            self._waiting.put_nowait(parcel)
        except asyncio.QueueFull:
            parcel.done("lost")
            return False
        return True

    async def run(self) -> None:
        """Send the parcels, oldest first."""
        async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, trust_env=False) as client:
            while True:
                parcel = await self._waiting.get()
                parcel.done(await self._deliver(client, parcel))
                self._waiting.task_done()

    async def close(self, seconds: float = 2.0) -> None:
        """Allow up to `seconds` for the queued parcels to be sent."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._waiting.join(), seconds)

    async def _deliver(self, client: httpx.AsyncClient, parcel: Parcel) -> str:
        pause, longest = _PAUSE_SECONDS
        while time.monotonic() - parcel.created < PATIENCE_SECONDS:
            try:
                status = (await client.post(parcel.url, headers=dict(parcel.headers), content=parcel.body)).status_code
            except httpx.HTTPError:
                status = 503
            if status < 300:
                return "exported"
            if status < 500:
                # The store is up and refuses: a limit of its own (429), or content that it cannot use.
                return "refused"
            await asyncio.sleep(pause)
            pause = min(longest, pause * 2)
        return "lost"
