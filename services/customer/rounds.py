"""Runs journeys at a fixed interval, unless paused."""

from __future__ import annotations

import asyncio
import logging
import time

import httpx

from customer import signals
from customer.journey import MARKS, Journey, Step, StepFailed
from customer.settings import Settings

__all__ = ["Rounds"]

log = logging.getLogger(__name__)
# Limits a pause: a test that dies during a pause must not stop the measurement forever.
LONGEST_PAUSE_SECONDS = 600.0
# How long failures count as a stack that is still starting.
STARTING_SECONDS = 60.0


class Rounds:
    """`run()` runs journeys until it is cancelled."""

    def __init__(self, settings: Settings, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._settings, self._transport = settings, transport
        self._idle = asyncio.Event()
        self._idle.set()
        self._paused_until = 0.0
        signals.PAUSED.set_function(lambda: float(self.paused))

    @property
    def paused(self) -> bool:
        """Return whether journeys are paused."""
        return time.monotonic() < self._paused_until

    async def pause(self, paused: bool, patience: float = 4.0) -> bool:
        """Pause or resume. Returns whether no journey is running after at most `patience` seconds."""
        self._paused_until = time.monotonic() + LONGEST_PAUSE_SECONDS if paused else 0.0
        if not paused:
            return self._idle.is_set()
        try:
            await asyncio.wait_for(self._idle.wait(), patience)
        except TimeoutError:
            return False
        return True

    async def run(self) -> None:
        """Run a journey every `interval_seconds`, measured from start to start."""
        async with self._client() as client:
            journey = Journey(client)
            await self._first(journey)
            while True:
                started = time.monotonic()
                if not self.paused:
                    await self._once(journey)
                elapsed = time.monotonic() - started
                await asyncio.sleep(max(0.0, self._settings.interval_seconds - elapsed))

    async def _first(self, journey: Journey) -> None:
        """Retry the first journey for a while and count no failures: a stack that is just starting is not an outage."""
        end = time.monotonic() + STARTING_SECONDS
        while time.monotonic() < end:
            if not self.paused:
                try:
                    await self._travel(journey)
                    _count(journey.steps)
                    return
                except StepFailed as error:
                    log.info(signals.JOURNEY_WAITING, extra=_fields(error))
            await asyncio.sleep(min(0.5, self._settings.interval_seconds))

    async def _once(self, journey: Journey) -> None:
        try:
            await self._travel(journey)
        except StepFailed as error:
            signals.JOURNEYS.labels("failure").inc()
            log.warning(signals.JOURNEY_FAILED, extra=_fields(error))
        except Exception:
            signals.JOURNEYS.labels("failure").inc()
            log.exception(signals.JOURNEY_BROKEN)
        _count(journey.steps)

    async def _travel(self, journey: Journey) -> None:
        self._idle.clear()
        started = time.perf_counter()
        try:
            await journey.travel()
            signals.JOURNEYS.labels("success").inc()
            signals.JOURNEY_DURATION.observe(time.perf_counter() - started)
            signals.LAST_SUCCESS.set_to_current_time()
        finally:
            self._idle.set()

    def _client(self) -> httpx.AsyncClient:
        url = self._settings.gateway_url
        return httpx.AsyncClient(
            base_url=url,
            headers=MARKS,
            timeout=self._settings.step_timeout_seconds,
            # Each journey is a new visitor. For plain HTTP, no certificates are loaded.
            limits=httpx.Limits(keepalive_expiry=2.0),
            verify=url.startswith("https:"),
            trust_env=False,
            transport=self._transport,
        )


def _count(steps: list[Step]) -> None:
    for step in steps:
        signals.STEPS.labels(step.name, step.outcome).inc()
        signals.STEP_DURATION.labels(step.name).observe(step.seconds)


def _fields(error: StepFailed) -> dict[str, str]:
    return {"step": error.step, "reason": error.reason, "failed_trace_id": error.trace_id}
