"""Read payments: one, or page by page."""

from __future__ import annotations

import base64
import binascii
from uuid import UUID

from sqlalchemy import select

from kit import Problem
from kit.database import Database
from payments import answers
from payments.schemas import PaymentList, PaymentView
from payments.tables import payments

__all__ = ["one", "page"]


async def one(database: Database, user_id: str, payment_id: UUID) -> PaymentView:
    """Return a payment of the user. Raises Problem 404."""
    query = select(payments).where(payments.c.id == payment_id, payments.c.user_id == user_id)
    async with database.read() as connection:
        row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        raise answers.no_such_payment()
    return answers.view_of(row)


async def page(database: Database, user_id: str, limit: int, cursor: str | None) -> PaymentList:
    """Return at most `limit` payments of the user after `cursor`, newest first. Raises Problem 422 for a bad cursor."""
    query = select(payments).where(payments.c.user_id == user_id).order_by(payments.c.id.desc()).limit(limit + 1)
    if cursor is not None:
        query = query.where(payments.c.id < _position(cursor))
    async with database.read() as connection:
        rows = (await connection.execute(query)).mappings().all()
    more = len(rows) > limit
    items = [answers.view_of(row) for row in rows[:limit]]
    return PaymentList(items=items, next_cursor=_cursor(items[-1].id) if more else None)


def _cursor(last: UUID) -> str:
    return base64.urlsafe_b64encode(last.bytes).rstrip(b"=").decode()


def _position(cursor: str) -> UUID:
    try:
        return UUID(bytes=base64.b64decode(cursor + "==", altchars=b"-_", validate=True))
    except (ValueError, binascii.Error) as error:
        raise Problem(422, "invalid-cursor", "Use next_cursor of the page before, unchanged.") from error
