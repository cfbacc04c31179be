"""Calls to the acquirer, with a time limit each, bounded retries of safe failures, and a circuit breaker.

Safe failures are those where nothing happened (no connection, 503), and broken connections, because the acquirer
returns the first result for a repeated reference. A timeout is not retried: the caller has waited long enough.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NoReturn
from uuid import UUID

import httpx
from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import OpenedState
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from kit.deadline import Deadline
from payments import signals

__all__ = ["CardNetwork", "NetworkUnavailable", "OutcomeUnknown", "Verdict"]

PEER = "acquirer"
# Known decline reasons of the acquirer. Any other becomes `other`, so that a third party cannot create series or log
# text.
DECLINE_REASONS = frozenset(
    {
        "generic_decline",
        "insufficient_funds",
        "lost_card",
        "stolen_card",
        "expired_card",
        "incorrect_cvc",
        "processing_error",
        "card_velocity_exceeded",
        "amount_too_large",
    }
)
log = logging.getLogger(__name__)


class NetworkUnavailable(Exception):
    """The operation did not take place. `retry_after` is set, in seconds, while the circuit is open."""

    def __init__(self, reason: str, retry_after: int | None = None) -> None:
        super().__init__(reason)
        self.reason, self.retry_after = reason, retry_after


class OutcomeUnknown(Exception):
    """The operation may have taken place. `timed_out` means that no response came in time."""

    def __init__(self, *, timed_out: bool) -> None:
        super().__init__("timeout" if timed_out else "error")
        self.timed_out = timed_out


class _Repeatable(Exception):
    """A failed attempt that can be retried; `arrived` if it may have reached the acquirer."""

    def __init__(self, reason: str, *, arrived: bool) -> None:
        super().__init__(reason)
        self.reason, self.arrived = reason, arrived


@dataclass(frozen=True, slots=True)
class Verdict:
    """The acquirer's response; `decline_reason` is None if it approved."""

    decline_reason: str | None = None


class CardNetwork:
    """The client of the acquirer. `timeout` and `open_seconds` are in seconds."""

    def __init__(
        self, client: httpx.AsyncClient, url: str, *, timeout: float, attempts: int, failures: int, open_seconds: float
    ) -> None:
        self._client, self._url = client, url
        self._timeout, self._attempts, self._open_seconds = timeout, attempts, open_seconds
        # A cancelled request says nothing about the acquirer, and a response other than 5xx means that it works.
        self._breakers = AsyncCircuitBreakerFactory(
            default_threshold=failures, default_ttl=open_seconds, exclude=[asyncio.CancelledError]
        )
        self._breakers.add_listener(self._on_circuit)
        signals.CIRCUIT_OPEN.labels(peer=PEER).set(0)

    async def perform(self, path: str, body: Mapping[str, Any], deadline: Deadline) -> Verdict:
        """POST an operation. Raises NetworkUnavailable, OutcomeUnknown, or DeadlineExceeded before it is sent."""
        response = await self._send("POST", path, body, deadline)
        if response.status_code >= 400:
            log.error(signals.PEER_UNAVAILABLE, extra={"peer": PEER, "http_response_status_code": response.status_code})
            raise NetworkUnavailable("refused")
        return _verdict(response)

    async def find(self, reference: UUID, deadline: Deadline) -> Verdict | None:
        """Return the outcome of `reference`; None if it never arrived. Raises the same errors as perform()."""
        response = await self._send("GET", f"/operations/{reference}", None, deadline)
        if response.status_code == HTTPStatus.NOT_FOUND:
            return None
        if response.status_code >= 400:
            raise NetworkUnavailable("refused")
        return _verdict(response)

    async def _send(self, method: str, path: str, body: Mapping[str, Any] | None, deadline: Deadline) -> httpx.Response:
        arrived = False
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(_Repeatable),
            stop=stop_after_attempt(self._attempts),
            wait=wait_random_exponential(multiplier=0.05, max=0.5),
            before_sleep=_log_retry,
            reraise=True,
        )
        try:
            async for attempt in retrying:
                with attempt:
                    try:
                        return await self._attempt(method, path, body, deadline)
                    except _Repeatable as error:
                        arrived = arrived or error.arrived
                        raise
        except _Repeatable as error:
            log.warning(signals.PEER_UNAVAILABLE, extra={"peer": PEER, "reason": error.reason})
            if arrived:
                raise OutcomeUnknown(timed_out=False) from error
            raise NetworkUnavailable(error.reason) from error
        except NetworkUnavailable as error:
            if arrived:
                raise OutcomeUnknown(timed_out=False) from error
            raise
        raise AssertionError("tenacity returns or raises")

    async def _attempt(
        self, method: str, path: str, body: Mapping[str, Any] | None, deadline: Deadline
    ) -> httpx.Response:
        breaker = await self._breakers.get_breaker(PEER)
        limit = deadline.within(self._timeout)
        try:
            async with breaker:
                return await self._exchange(method, path, body, limit)
        except OpenedState as error:
            self._refuse(error)

    def _refuse(self, error: OpenedState) -> NoReturn:
        # The library raises the same object repeatedly: without this, it would keep every caller's frames alive.
        error.__traceback__ = error.__context__ = None
        left = error.opened_at + self._open_seconds - time.time()
        raise NetworkUnavailable("circuit_open", retry_after=max(1, math.ceil(left))) from None

    async def _exchange(self, method: str, path: str, body: Mapping[str, Any] | None, limit: float) -> httpx.Response:
        try:
            async with asyncio.timeout(limit):
                response = await self._client.request(method, self._url + path, json=body, timeout=limit)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise _Repeatable(type(error).__name__, arrived=False) from error
        except (httpx.TimeoutException, TimeoutError) as error:
            raise OutcomeUnknown(timed_out=True) from error
        except httpx.TransportError as error:
            raise _Repeatable(type(error).__name__, arrived=True) from error
        if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
            raise _Repeatable("unavailable", arrived=False)
        if response.status_code >= 500:
            raise OutcomeUnknown(timed_out=False)
        return response

    def _on_circuit(self, _circuit: str, happened: str, event: Any) -> None:
        if happened != "state_changed":
            return
        is_open = event.state == "opened"
        signals.CIRCUIT_OPEN.labels(peer=PEER).set(int(is_open))
        if is_open:
            log.warning(signals.CIRCUIT_OPENED, extra={"peer": PEER, "wait_seconds": self._open_seconds})
        elif event.state == "closed":
            log.info(signals.CIRCUIT_CLOSED, extra={"peer": PEER})


def _verdict(response: httpx.Response) -> Verdict:
    try:
        answer = response.json()
        if answer["status"] == "approved":
            return Verdict()
        reason = answer["decline_reason"]
        return Verdict(reason if reason in DECLINE_REASONS else "other")
    except (ValueError, KeyError, TypeError) as error:
        raise OutcomeUnknown(timed_out=False) from error


def _log_retry(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.warning(
        signals.PEER_RETRY,
        extra={"peer": PEER, "attempt": state.attempt_number, "reason": getattr(error, "reason", "unknown")},
    )
