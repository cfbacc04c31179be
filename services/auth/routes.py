"""Auth's HTTP interface."""

from __future__ import annotations

import logging
import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import select

from auth import sessions, signals
from auth.schemas import Account, Login, Refresh, Registration, SessionState, Tokens
from auth.service import Service, current
from auth.tables import accounts
from kit.failure import PROBE, Failure, fail, probe
from kit.identity import Identity, InvalidToken, bearer_token
from kit.problems import Problem

__all__ = ["debug", "router"]

log = logging.getLogger(__name__)
router = APIRouter()
debug = APIRouter()
debug.add_api_route(PROBE, probe, methods=["POST"], status_code=204)


async def _service(request: Request) -> Service:
    return current(request)


Auth = Annotated[Service, Depends(_service)]


def _identity(service: Service, request: Request) -> Identity:
    """Return the identity of the bearer token. Raises Problem 401."""
    try:
        return service.keys.verify(bearer_token(request.headers.get("Authorization")))
    except InvalidToken as error:
        log.info(signals.TOKEN_REJECTED, extra={"reason": error.reason})
        raise error.as_problem() from None


async def _live_identity(service: Auth, request: Request) -> Identity:
    """Return the identity of the bearer token if its session is active. Raises Problem 401."""
    identity = _identity(service, request)
    async with service.database.read() as connection:
        active = await sessions.is_active(connection, uuid.UUID(identity.session_id), uuid.UUID(identity.subject))
    if not active:
        log.info(signals.TOKEN_REJECTED, extra={"reason": "session_ended", "session_id": identity.session_id})
        raise InvalidToken("session_ended").as_problem()
    return identity


Live = Annotated[Identity, Depends(_live_identity)]


def _tokens(service: Service, session: sessions.Session, response: Response) -> Tokens:
    response.headers["Cache-Control"] = "no-store"
    seconds = service.settings.access_token_seconds
    token = service.keys.sign(str(session.account_id), str(session.id), seconds)
    return Tokens(access_token=token, refresh_token=session.refresh_token, expires_in=seconds)


@router.post("/register", status_code=201)
async def register(service: Auth, wanted: Registration) -> Account:
    """Create an account."""
    row = await service.accounts.register(wanted)
    return Account(id=row.id, email=row.email, name=row.name, created_at=row.created_at)


@router.post("/login")
async def log_in(service: Auth, given: Login, response: Response) -> Tokens:
    """Open a session."""
    return _tokens(service, await service.accounts.log_in(given), response)


@router.post("/refresh")
async def refresh(service: Auth, given: Refresh, response: Response) -> Tokens:
    """Exchange a refresh token for new tokens. It works once; using it a second time ends the session."""
    async with service.database.transaction() as connection:
        outcome = await sessions.rotate(connection, given.refresh_token.get_secret_value())
    if isinstance(outcome, sessions.Refused):
        if outcome.reason == "reused":
            signals.TOKEN_REUSE.inc()
            log.warning(signals.TOKEN_REUSED, extra={"session_id": str(outcome.session_id)})
        raise Problem(401, "refresh-refused", "This refresh token is not valid (any more). Log in again.")
    log.info(signals.TOKEN_REFRESHED, extra={"session_id": str(outcome.id), "user_id": str(outcome.account_id)})
    return _tokens(service, outcome, response)


@router.post("/logout", status_code=204)
async def log_out(service: Auth, identity: Live) -> None:
    """End the session of the bearer token."""
    async with service.database.transaction() as connection:
        await sessions.close(connection, uuid.UUID(identity.session_id), "logged out")
    log.info(signals.LOGGED_OUT, extra={"session_id": identity.session_id, "user_id": identity.subject})


@router.get("/me")
async def me(service: Auth, identity: Live) -> Account:
    """Return the account of the bearer token."""
    query = select(accounts.c.id, accounts.c.email, accounts.c.name, accounts.c.created_at)
    async with service.database.read() as connection:
        row = (await connection.execute(query.where(accounts.c.id == uuid.UUID(identity.subject)))).one_or_none()
    if row is None:
        raise InvalidToken("session_ended").as_problem()
    return Account(id=row.id, email=row.email, name=row.name, created_at=row.created_at)


@router.get("/session")
async def session(identity: Live) -> SessionState:
    """Return whether the session of the bearer token is active. Asked before money moves."""
    return SessionState(active=True, subject=identity.subject, session_id=identity.session_id)


@router.get("/.well-known/jwks.json")
async def published_keys(service: Auth, response: Response) -> dict[str, Any]:
    """Return the public keys that verify access tokens (RFC 7517)."""
    response.headers["Cache-Control"] = "public, max-age=300"
    return service.keys.jwks


@debug.post("/debug/error")
async def fail_on_purpose(service: Auth, wanted: Failure | None = None) -> None:
    """Raise an unhandled exception, to practise finding it in the telemetry. Not in production."""
    await fail(wanted, service.database)
