"""The first half of each flow: check whether the operation is allowed, and record it in the caller's transaction."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, insert, select
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from kit import Problem
from payments import answers, operations
from payments.idempotency import Answer
from payments.operations import Operation
from payments.schemas import PaymentRequest
from payments.states import Kind, Status
from payments.tables import operations as operations_table
from payments.tables import payments

__all__ = ["capture", "payment", "refund"]


async def payment(connection: AsyncConnection, user_id: str, wanted: PaymentRequest) -> Operation:
    """Create a pending payment, and the operation that authorises or charges it."""
    card = wanted.card.kept
    values = {
        "user_id": user_id,
        "amount": wanted.amount,
        "currency": wanted.currency,
        "card_brand": card.brand,
        "card_last4": card.last4,
        "description": wanted.description,
    }
    payment_id = await connection.scalar(insert(payments).values(values).returning(payments.c.id))
    return await operations.begin(
        connection, payment_id, Kind.CHARGE if wanted.capture else Kind.AUTHORISE, wanted.amount
    )


async def capture(
    connection: AsyncConnection, user_id: str, payment_id: UUID, amount: int | None
) -> Operation | Answer:
    """Begin the capture of an authorised payment. If it is already captured with that amount, return the answer."""
    found = await _locked(connection, user_id, payment_id)
    wanted = amount or found["amount"]
    if found["captured_amount"] and amount in (None, found["captured_amount"]):
        return Answer(200, answers.view_of(found).model_dump(mode="json"), replayed=True)
    if found["status"] != Status.AUTHORISED:
        raise _impossible("captured", found["status"])
    if wanted > found["amount"]:
        raise Problem(409, "amount-too-large", "The amount is larger than what was authorised.")
    under_way = (operations_table.c.payment_id == payment_id, operations_table.c.kind == Kind.CAPTURE)
    resumed = await operations.take_up(connection, *under_way, operations_table.c.amount == wanted)
    if resumed:
        return resumed
    if await connection.scalar(select(operations_table.c.id).where(*under_way, operations_table.c.status == "open")):
        detail = "Another capture of this payment is under way. Ask for the payment in a moment."
        raise Problem(409, "capture-in-progress", detail, headers={"Retry-After": "1"})
    authorization = await operations.authorization_of(connection, payment_id)
    return await operations.begin(connection, payment_id, Kind.CAPTURE, wanted, authorization)


async def refund(connection: AsyncConnection, user_id: str, payment_id: UUID, amount: int | None) -> Operation:
    """Begin the refund of a captured payment; refunds in progress count as completed."""
    found = await _locked(connection, user_id, payment_id)
    if found["status"] not in (Status.CAPTURED, Status.PARTIALLY_REFUNDED):
        raise _impossible("refunded", found["status"])
    left = found["captured_amount"] - found["refunded_amount"] - await _reserved(connection, payment_id)
    wanted = left if amount is None else amount
    if wanted > left or left == 0:
        raise Problem(409, "amount-too-large", "The amount is larger than what is left to refund.", refundable=left)
    authorization = await operations.authorization_of(connection, payment_id)
    return await operations.begin(connection, payment_id, Kind.REFUND, wanted, authorization)


async def _locked(connection: AsyncConnection, user_id: str, payment_id: UUID) -> RowMapping:
    query = select(payments).where(payments.c.id == payment_id, payments.c.user_id == user_id).with_for_update()
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        raise answers.no_such_payment()
    return row


async def _reserved(connection: AsyncConnection, payment_id: UUID) -> int:
    query = select(func.coalesce(func.sum(operations_table.c.amount), 0)).where(
        operations_table.c.payment_id == payment_id,
        operations_table.c.kind == Kind.REFUND,
        operations_table.c.status == "open",
    )
    return int(await connection.scalar(query) or 0)


def _impossible(what: str, status: str) -> Problem:
    return Problem(409, "impossible-state", f"A payment that is {status} cannot be {what}.", payment_status=status)
