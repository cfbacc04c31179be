"""When to mail: once when the heartbeat stops, again at long intervals, and once when it returns."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from heartbeat import signals
from heartbeat.mail import Mail
from heartbeat.settings import Settings

__all__ = ["Switch"]

log = logging.getLogger(__name__)
CHECK_SECONDS = 0.5
RETRY_SECONDS = 5.0


class Switch:
    """`beat()` is called for each heartbeat; `run()` runs until it is cancelled. `send` raises OSError."""

    def __init__(self, settings: Settings, send: Callable[[Mail], None]) -> None:
        self._settings, self._send = settings, send
        self._due = time.monotonic() + settings.first_patience_seconds
        self._last_seen = 0.0
        self._silent_since = 0.0
        self._not_before = 0.0
        signals.LAST_SEEN.set_function(lambda: self._last_seen)
        signals.SILENT.set_function(lambda: float(self.silent))

    @property
    def silent(self) -> bool:
        """Return whether a mail about silence has been sent."""
        return self._silent_since > 0

    def beat(self) -> None:
        """Record a heartbeat."""
        self._last_seen = time.time()
        self._due = time.monotonic() + self._settings.patience_seconds

    async def run(self) -> None:
        """Check twice a second."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            await self._check(time.monotonic())

    async def _check(self, now: float) -> None:
        if now < self._due:
            if self.silent and await self._tell(Mail.back(time.time() - self._silent_since)):
                self._silent_since = self._not_before = 0.0
        elif now >= self._not_before and await self._tell(Mail.silent(self._last_seen, self._settings.runbook_url)):
            self._silent_since = self._silent_since or time.time()
            self._not_before = now + self._settings.reminder_seconds

    async def _tell(self, mail: Mail) -> bool:
        """Return whether the mail was accepted. Otherwise, it is retried after a moment."""
        try:
            await asyncio.to_thread(self._send, mail)
        except OSError as error:
            log.error(signals.MAIL_REFUSED, extra={"error_type": type(error).__name__})
            await asyncio.sleep(RETRY_SECONDS)
            return False
        log.warning(signals.MAIL_SENT, extra={"subject": mail.subject})
        return True
