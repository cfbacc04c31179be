"""Sessions and their refresh tokens: each token works once, and reusing one ends its session."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import and_, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from auth.tables import refresh_tokens, sessions

__all__ = ["Refused", "Session", "close", "is_active", "open_session", "purge", "rotate"]


@dataclass(frozen=True, slots=True)
class Session:
    """An open session and its current refresh token (the only place where it is in clear text)."""

    id: uuid.UUID
    account_id: uuid.UUID
    refresh_token: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a refresh token was rejected: `unknown`, `ended` or `reused`."""

    reason: str
    session_id: uuid.UUID | None = None


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


async def open_session(connection: AsyncConnection, account_id: uuid.UUID, seconds: int) -> Session:
    """Open a session that lasts at most `seconds`, however often it is refreshed."""
    session_id = uuid.uuid4()
    expires = datetime.now(UTC) + timedelta(seconds=seconds)
    await connection.execute(sessions.insert().values(id=session_id, account_id=account_id, expires_at=expires))
    return Session(session_id, account_id, await _issue(connection, session_id))


async def rotate(connection: AsyncConnection, token: str) -> Session | Refused:
    """Exchange a refresh token for the next one. A token that was already used ends its session: it may be stolen."""
    query = (
        select(
            refresh_tokens.c.session_id,
            refresh_tokens.c.used_at,
            sessions.c.account_id,
            and_(sessions.c.revoked_at.is_(None), sessions.c.expires_at > func.now()).label("active"),
        )
        .join(sessions, sessions.c.id == refresh_tokens.c.session_id)
        .where(refresh_tokens.c.token_sha256 == _digest(token))
        .with_for_update()
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return Refused("unknown")
    if not row.active:
        return Refused("ended", row.session_id)
    if row.used_at is not None:
        await close(connection, row.session_id, "token reused")
        return Refused("reused", row.session_id)
    used = update(refresh_tokens).where(refresh_tokens.c.token_sha256 == _digest(token)).values(used_at=func.now())
    await connection.execute(used)
    return Session(row.session_id, row.account_id, await _issue(connection, row.session_id))


async def close(connection: AsyncConnection, session_id: uuid.UUID, because: str) -> bool:
    """End a session; return whether it was open."""
    statement = (
        update(sessions)
        .where(sessions.c.id == session_id, sessions.c.revoked_at.is_(None))
        .values(revoked_at=func.now(), revoked_because=because)
    )
    return (await connection.execute(statement)).rowcount > 0


async def is_active(connection: AsyncConnection, session_id: uuid.UUID, account_id: uuid.UUID) -> bool:
    """Return whether the session is active: one look-up by primary key."""
    query = select(sessions.c.id).where(
        sessions.c.id == session_id,
        sessions.c.account_id == account_id,
        sessions.c.revoked_at.is_(None),
        sessions.c.expires_at > func.now(),
    )
    return await connection.scalar(query) is not None


async def purge(connection: AsyncConnection, keep_seconds: int) -> int:
    """Delete sessions that expired `keep_seconds` ago and their tokens; return the number of sessions."""
    horizon = datetime.now(UTC) - timedelta(seconds=keep_seconds)
    return (await connection.execute(delete(sessions).where(sessions.c.expires_at < horizon))).rowcount


async def _issue(connection: AsyncConnection, session_id: uuid.UUID) -> str:
    token = secrets.token_urlsafe(32)
    await connection.execute(refresh_tokens.insert().values(token_sha256=_digest(token), session_id=session_id))
    return token
