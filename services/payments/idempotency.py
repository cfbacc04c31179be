"""One effect per key: the first request owns the key; later ones get its answer or continue its operation."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from payments import operations
from payments.tables import idempotency_keys as keys
from payments.tables import operations as operations_table

__all__ = ["Answer", "InProgress", "KeyReused", "Request", "claim", "expire", "free", "keep", "look_up"]


class KeyReused(Exception):
    """The key belongs to a different request."""


class InProgress(Exception):
    """The key's first request is still in progress."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The stored answer of a request, for its repeats."""

    status: int
    body: dict[str, Any]
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """The owner of a key, and a fingerprint of the request."""

    user_id: str
    key: str
    fingerprint: bytes

    @classmethod
    def of(cls, user_id: str, key: str, secret: str, *parts: str) -> Request:
        """Fingerprint `parts` with a secret: plain hashes of card numbers could be found by trying all numbers."""
        return cls(user_id, key, hmac.digest(secret.encode(), "\x00".join(parts).encode(), hashlib.sha256))

    def matches(self) -> Any:
        """Return the SQL condition for its key."""
        return (keys.c.user_id == self.user_id) & (keys.c.key == self.key)


async def look_up(connection: AsyncConnection, request: Request) -> Answer | operations.Operation | None:
    """Return the stored answer, or the operation to continue; None for a new key. Raises KeyReused or InProgress."""
    row = (await connection.execute(select(keys).where(request.matches()))).one_or_none()
    if row is None:
        return None
    if not hmac.compare_digest(row.fingerprint, request.fingerprint):
        raise KeyReused
    if row.answer_status is not None:
        return Answer(row.answer_status, row.answer, replayed=True)
    operation = await operations.take_up(connection, operations_table.c.id == row.operation_id)
    if operation is None:
        raise InProgress
    return operation


async def claim(connection: AsyncConnection, request: Request, operation_id: UUID) -> bool:
    """Claim a new key when the transaction commits; False if another request was faster."""
    values = {
        "user_id": request.user_id,
        "key": request.key,
        "fingerprint": request.fingerprint,
        "operation_id": operation_id,
    }
    query = insert(keys).values(values).on_conflict_do_nothing().returning(keys.c.key)
    return await connection.scalar(query) is not None


async def keep(connection: AsyncConnection, operation_id: UUID, answer: Answer) -> None:
    """Store the answer for the key of an operation, if it has one."""
    values = {"answer_status": answer.status, "answer": answer.body}
    await connection.execute(update(keys).where(keys.c.operation_id == operation_id).values(values))


async def free(connection: AsyncConnection, operation_id: UUID) -> None:
    """Release the key: nothing happened under it, so the next request starts anew."""
    await connection.execute(delete(keys).where(keys.c.operation_id == operation_id))


async def expire(connection: AsyncConnection, age: timedelta) -> int:
    """Delete answered keys older than `age`; return their number."""
    query = delete(keys).where(keys.c.created_at < func.now() - literal(age), keys.c.answer_status.is_not(None))
    return (await connection.execute(query)).rowcount
