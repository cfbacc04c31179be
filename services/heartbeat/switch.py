"""When to mail: once as the heartbeat stays away, again at long intervals, and once when it is back."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Gauge

from heartbeat.mail import Mail
from heartbeat.settings import Settings

__all__ = ["Switch"]

log = logging.getLogger(__name__)
CHECK_SECONDS = 0.5
RETRY_SECONDS = 5.0


class Switch:
    """`beat()` is called for each heartbeat; `run()` goes on until it is cancelled. `send` raises OSError."""

    def __init__(self, settings: Settings, send: Callable[[Mail], None], registry: CollectorRegistry) -> None:
        self._settings, self._send = settings, send
        self._due = time.monotonic() + settings.first_patience
        self._last_seen = 0.0
        self._silent_since = 0.0
        self._not_before = 0.0
        Gauge(
            "heartbeat_last_seen_timestamp",
            "When alerting last gave a sign of life.",
            unit="seconds",
            registry=registry,
        ).set_function(lambda: self._last_seen)
        Gauge(
            "heartbeat_silent", "1 while alerting has given no sign of life for too long.", registry=registry
        ).set_function(lambda: float(self.silent))

    @property
    def silent(self) -> bool:
        """Whether people have been told that alerting is silent."""
        return self._silent_since > 0

    def beat(self) -> None:
        """Alerting lives."""
        self._last_seen = time.time()
        self._due = time.monotonic() + self._settings.patience

    async def run(self) -> None:
        """Look twice a second."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            await self._check(time.monotonic())

    async def _check(self, now: float) -> None:
        if now < self._due:
            if self.silent and await self._tell(Mail.back(time.time() - self._silent_since)):
                self._silent_since = self._not_before = 0.0
        elif now >= self._not_before and await self._tell(Mail.silent(self._last_seen, self._settings.runbook_url)):
            self._silent_since = self._silent_since or time.time()
            self._not_before = now + self._settings.reminder

    async def _tell(self, mail: Mail) -> bool:
        """Whether the mail was taken; one that was not is tried again after a moment."""
        try:
            await asyncio.to_thread(self._send, mail)
        except OSError as error:
            log.error("mail was not taken", extra={"event": "mail.refused", "error_type": type(error).__name__})
            await asyncio.sleep(RETRY_SECONDS)
            return False
        log.warning("mail was sent", extra={"event": "mail.sent", "subject": mail.subject})
        return True
