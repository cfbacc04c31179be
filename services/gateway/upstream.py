"""A client for one service behind the gateway: pooled connections, deadlines, retries of idempotent requests."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy

import httpx
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_delay,
    wait_random_exponential,
)

from gateway import signals
from kit.deadline import Deadline, DeadlineExceeded
from kit.problems import Problem
from sandbox_telemetry import instrument_http_client

__all__ = ["Upstream"]

log = logging.getLogger(__name__)

# The connection was not established: nothing was sent, so a retry cannot repeat an effect.
_REFUSED = (httpx.ConnectError, httpx.ConnectTimeout)
# The connection broke during a request, for example because the peer is being replaced: it may have arrived.
_BROKEN = (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)
_CONNECT_SECONDS = 1.0
# Less than the five seconds after which uvicorn closes an idle connection, so that no request is sent on a closing one.
_IDLE_SECONDS = 3.0


class Upstream:
    """Sends requests to one service. Raises Problem 502 or 504 if there is no response."""

    def __init__(self, name: str, url: str, *, connections: int, retry_seconds: float) -> None:
        limits = httpx.Limits(
            max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=_IDLE_SECONDS
        )
        client = httpx.AsyncClient(
            base_url=url, limits=limits, timeout=httpx.Timeout(None, connect=_CONNECT_SECONDS), trust_env=False
        )
        # One client serves all customers: a stored cookie of one would be sent for the next.
        client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.name = name
        self._client = instrument_http_client(client)
        self._retry_seconds = retry_seconds
        self._failing = False

    async def send(
        self,
        method: str,
        path: str,
        deadline: Deadline,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        content: bytes | None = None,
        expected: bool = False,
    ) -> httpx.Response:
        """Return the service's response, whatever its status. Raises Problem 502 (no response) or 504 (timeout).

        `expected` means that a missing response is not an error worth an alert: no customer waits for it.
        """
        try:
            async with asyncio.timeout(deadline.within(3600)):
                async for attempt in self._attempts(deadline, _repeatable(method, headers or {})):
                    with attempt:
                        response = await self._client.request(
                            method,
                            path,
                            headers={**(headers or {}), **deadline.headers()},
                            params=params,
                            content=content,
                        )
        except (TimeoutError, httpx.TimeoutException, DeadlineExceeded) as error:
            raise self._failed(504, "did not answer in time", error, expected) from error
        except httpx.TransportError as error:
            raise self._failed(502, "cannot be reached", error, expected) from error
        self._failing = False
        return response

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    def _attempts(self, deadline: Deadline, repeatable: bool) -> AsyncRetrying:
        return AsyncRetrying(
            retry=retry_if_exception_type(_REFUSED + _BROKEN if repeatable else _REFUSED),
            wait=wait_random_exponential(multiplier=0.05, max=0.5),
            stop=stop_after_delay(min(self._retry_seconds, max(0.0, deadline.remaining - 0.1))),
            before_sleep=self._report_retry,
            reraise=True,
        )

    def _report_retry(self, state: RetryCallState) -> None:
        # One line per request is enough: the number of affected requests measures an outage, not the number of retries.
        if state.attempt_number == 1:
            log.warning(signals.PEER_RETRY, extra={"peer": self.name, "attempt": state.attempt_number})

    def _failed(self, status: int, what: str, error: Exception, expected: bool) -> Problem:
        # An outage is one error, however many requests it affects: only its first line has level ERROR.
        report = log.warning if self._failing or expected else log.error
        self._failing = self._failing or not expected
        report(signals.PEER_UNAVAILABLE, extra={"peer": self.name, "error_type": type(error).__name__})
        kind = "upstream-timeout" if status == 504 else "upstream-unavailable"
        return Problem(status, kind, f"A service that this needs {what}. Try again.", headers={"Retry-After": "2"})


def _repeatable(method: str, headers: Mapping[str, str]) -> bool:
    """Return whether a request can be sent twice: it only reads, or its idempotency key identifies it."""
    return method in ("GET", "HEAD") or "Idempotency-Key" in headers
