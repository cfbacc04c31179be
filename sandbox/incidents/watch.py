"""Waits for the signs of an incident: the alert, the page, the objective."""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

import httpx

from sandbox.incidents.ask import OF_TRACKER, Asker
from sandbox_testing.polling import NotSeen, eventually
from sandbox_testing.stores import Mailpit, Message

__all__ = ["Watch"]

# Longer than two scrapes: a new failure is in no sample yet, and a counter that starts with it increases at the second.
STEADY_SECONDS = 11.0


class Watch:
    """Queries the stores during an incident."""

    def __init__(self, asker: Asker, mailbox: Mailpit) -> None:
        self._asker = asker
        self._mailbox = mailbox

    def answers(self) -> bool:
        """Whether Prometheus responds."""
        with suppress(httpx.HTTPError):
            self._asker.prometheus.alerts()
            return True
        return False

    def active(self) -> list[dict[str, Any]]:
        """Return pending and firing alerts, except the one that always fires."""
        return [one for one in self._asker.prometheus.alerts() if one["labels"]["alertname"] != "Watchdog"]

    def calm(self, timeout: float) -> bool:
        """Wait until no earlier page fires; return False after a time limit."""

        def pages() -> list[str]:
            return [one["labels"]["alertname"] for one in self.active() if one["labels"].get("severity") == "page"]

        with suppress(NotSeen):
            return eventually("no page to fire", pages, lambda names: not names, timeout=timeout, interval=1.0) == []
        return False

    def fires(self, alert: str, service: str, since: float, timeout: float) -> bool:
        """Wait until an alert fires that was not active before `since`."""

        def seen() -> bool:
            if alert in OF_TRACKER:
                return any(service in ("", one["service"]) for one in self._asker.news(alert, since))
            return any(
                one["state"] == "firing"
                and one["labels"]["alertname"] == alert
                and service in ("", one["labels"].get("service", ""))
                and datetime.fromisoformat(one["activeAt"]).timestamp() >= since
                for one in self._asker.prometheus.alerts()
            )

        return self._within(f"{alert} to fire", seen, timeout)

    def page(self, alert: str, since: float, timeout: float) -> Message | None:
        """Wait for the mail of a firing alert, ignoring the resolution of an earlier one."""

        def mails() -> list[Message]:
            found = self._mailbox.messages(since, search=f'"make ack ALERT={alert}"')
            # An earlier alert's escalation may still arrive.
            return [one for one in found if not one.subject.startswith("[ESCALATED]")]

        with suppress(NotSeen):
            return eventually(f"the mail of {alert}", mails, timeout=timeout, interval=0.5)[-1]
        return None

    def holds(self, expression: str, timeout: float, steady: float = STEADY_SECONDS) -> bool:
        """Wait until a PromQL expression has a result, and keeps it for a while."""
        since = [0.0]

        def seen() -> bool:
            if not self._asker.prometheus.query(expression):
                since[0] = 0.0
            elif not since[0]:
                since[0] = time.monotonic()
            return bool(since[0]) and time.monotonic() - since[0] >= steady

        return self._within(expression, seen, timeout)

    def _within(self, what: str, seen: Callable[[], bool], timeout: float) -> bool:
        def look() -> bool:
            # Some incidents make a store unreachable; the query is repeated.
            with suppress(httpx.HTTPError):
                return seen()
            return False

        with suppress(NotSeen):
            return bool(eventually(what, look, timeout=timeout, interval=0.5))
        return False
