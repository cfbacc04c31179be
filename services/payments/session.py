"""The client of auth: its published keys, and whether a session is active."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import httpx
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from kit import Problem
from kit.deadline import Deadline, DeadlineExceeded
from kit.identity import Identity, InvalidToken, KeySet, KeysUnavailable, bearer_token
from payments import signals

__all__ = ["Sessions"]

PEER = "auth"
log = logging.getLogger(__name__)


class Sessions:
    """Authenticates callers. Addresses have no trailing slash; durations are in seconds."""

    def __init__(self, client: httpx.AsyncClient, url: str, timeout: float, retry_seconds: float) -> None:
        self._client, self._url, self._timeout, self._retry_seconds = client, url, timeout, retry_seconds
        self.keys = KeySet(self._published_keys)

    async def identify(self, authorization: str | None) -> Identity:
        """Return the identity of the bearer token, without asking auth. Raises Problem 401 or 503."""
        try:
            return await self.keys.verify(bearer_token(authorization))
        except InvalidToken as error:
            log.info(signals.TOKEN_REJECTED, extra={"reason": error.reason})
            raise error.as_problem() from None
        except KeysUnavailable as error:
            raise self._unavailable(error) from error

    async def confirm(self, authorization: str, deadline: Deadline) -> None:
        """Return if auth confirms the token's session. Raises Problem 401, 503 or 504."""
        try:
            response = await self._ask(authorization, deadline)
        except (httpx.TimeoutException, DeadlineExceeded) as error:
            log.warning(signals.PEER_UNAVAILABLE, extra={"peer": PEER, "reason": type(error).__name__})
            raise Problem(
                504, "auth-timeout", "The session could not be checked in time. Nothing was changed."
            ) from error
        except httpx.TransportError as error:
            raise self._unavailable(error) from error
        if response.status_code == 401:
            log.info(signals.TOKEN_REJECTED, extra={"reason": "session_ended"})
            raise InvalidToken("session_ended").as_problem()
        if response.status_code != 200:
            raise self._unavailable(httpx.HTTPError("unexpected status"))

    async def _ask(self, authorization: str, deadline: Deadline) -> httpx.Response:
        retrying = AsyncRetrying(
            # The request changes nothing, so it can be repeated after a broken connection.
            retry=retry_if_exception_type((httpx.NetworkError, httpx.RemoteProtocolError)),
            # Auth refuses connections while a release replaces it.
            stop=stop_after_delay(min(self._retry_seconds, max(0.0, deadline.remaining - self._timeout))),
            wait=wait_random_exponential(multiplier=0.05, max=0.5),
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                headers = {"Authorization": authorization, **deadline.headers()}
                limit = deadline.within(self._timeout)
                return await self._client.get(f"{self._url}/session", headers=headers, timeout=limit)
        raise AssertionError("tenacity returns or raises")

    async def _published_keys(self) -> Mapping[str, Any]:
        response = await self._client.get(f"{self._url}/.well-known/jwks.json", timeout=self._timeout)
        return response.raise_for_status().json()

    def _unavailable(self, error: Exception) -> Problem:
        log.warning(signals.PEER_UNAVAILABLE, extra={"peer": PEER, "reason": type(error).__name__})
        detail = "The session cannot be checked at present. Nothing was changed."
        return Problem(503, "auth-unavailable", detail, headers={"Retry-After": "1"})
