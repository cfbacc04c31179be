"""Access control: verifies tokens locally, asks auth about sessions, and counts every caller."""

from __future__ import annotations

import logging

from fastapi import Request

from gateway import signals
from gateway.api import Access
from gateway.service import Service
from kit.deadline import Deadline
from kit.identity import Identity, InvalidToken, KeysUnavailable, bearer_token
from kit.problems import Problem

__all__ = ["address_of", "admit"]

log = logging.getLogger(__name__)


async def admit(service: Service, request: Request, access: Access, deadline: Deadline) -> None:
    """Return if the caller has access. Raises Problem 401, 429, 502, 503 or 504."""
    if access is Access.OPEN:
        await service.limiter.count_address(address_of(request))
        return
    authorization = request.headers.get("Authorization")
    try:
        identity = await service.keys.verify(bearer_token(authorization))
    except InvalidToken as error:
        await service.limiter.count_address(address_of(request))
        signals.TOKENS_REJECTED.labels(error.reason).inc()
        log.info(signals.TOKEN_REJECTED, extra={"reason": error.reason})
        raise error.as_problem() from None
    except KeysUnavailable:
        detail = "Tokens cannot be checked at this moment. Try again."
        raise Problem(503, "keys-unavailable", detail, headers={"Retry-After": "2"}) from None
    await service.limiter.count_customer(identity.subject)
    if access is Access.LIVE_SESSION:
        await _confirm(service, identity, authorization or "", deadline)


async def _confirm(service: Service, identity: Identity, authorization: str, deadline: Deadline) -> None:
    answer = await service.upstreams["auth"].send("GET", "/session", deadline, headers={"Authorization": authorization})
    if answer.status_code == 200:
        return
    if answer.status_code == 401:
        signals.TOKENS_REJECTED.labels("session_ended").inc()
        log.info(signals.TOKEN_REJECTED, extra={"reason": "session_ended", "session_id": identity.session_id})
        raise InvalidToken("session_ended").as_problem()
    # No money moves unless auth has confirmed the session.
    detail = "The session cannot be checked at this moment. Try again."
    raise Problem(503, "session-unconfirmed", detail, headers={"Retry-After": "2"})


def address_of(request: Request) -> str:
    """Return the client's address as the connection has it."""
    return request.client.host if request.client else "unknown"
