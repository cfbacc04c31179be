"""Operations: requests to the acquirer, written down before they are sent, and ended exactly once.

The worker on an operation holds its lock. If it ends without knowing the outcome, it releases the lock; if it dies, the
lock expires after `LOCK`. The next worker continues under the same reference, for which the acquirer returns the first
result.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, case, func, insert, literal, select, update
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from payments import ledger
from payments.states import TRANSITIONS, Kind, Status
from payments.tables import operations, payments

__all__ = ["LOCK", "Operation", "Settled", "Settlement", "begin", "forgotten", "settle", "take_up", "unlock"]

# Longer than any request may take.
LOCK = timedelta(seconds=30)
_LOCKED = func.now() + literal(LOCK)


@dataclass(frozen=True, slots=True)
class Operation:
    """`id` is the reference at the acquirer, `authorization` the reference of the payment's authorisation.

    `resumed` means that an earlier attempt may have reached the acquirer.
    """

    id: UUID
    payment_id: UUID
    kind: Kind
    amount: int
    authorization: UUID
    resumed: bool = False


@dataclass(frozen=True, slots=True)
class Settlement:
    """How an operation ended: approved (neither member is set), declined, or abandoned because it never took place."""

    decline_reason: str | None = None
    abandoned: bool = False

    @property
    def status(self) -> str:
        """Return the operation's status."""
        if self.abandoned:
            return "abandoned"
        return "declined" if self.decline_reason else "done"


@dataclass(frozen=True, slots=True)
class Settled:
    """An ended operation, and its payment (a row of its table) afterwards."""

    operation_id: UUID
    kind: Kind
    amount: int
    created_at: datetime
    payment: RowMapping


async def begin(
    connection: AsyncConnection, payment_id: UUID, kind: Kind, amount: int, authorization: UUID | None = None
) -> Operation:
    """Create an operation and lock it. The one that authorises a payment is its own `authorization`."""
    values = {"payment_id": payment_id, "kind": kind, "amount": amount, "locked_until": _LOCKED}
    new = await connection.scalar(insert(operations).values(values).returning(operations.c.id))
    return Operation(new, payment_id, kind, amount, authorization or new)


async def take_up(connection: AsyncConnection, *conditions: Any) -> Operation | None:
    """Lock an open operation again; None if none matches, or if another worker holds the lock."""
    query = (
        update(operations)
        .where(operations.c.status == "open", operations.c.locked_until <= func.now(), *conditions)
        .values(attempted_at=func.now(), locked_until=_LOCKED)
        .returning(*operations.c)
    )
    row = (await connection.execute(query)).one_or_none()
    return await _operation(connection, row) if row else None


async def unlock(connection: AsyncConnection, operation_id: UUID) -> None:
    """Release the lock, so that another worker can find out the outcome."""
    await connection.execute(update(operations).where(operations.c.id == operation_id).values(locked_until=func.now()))


async def authorization_of(connection: AsyncConnection, payment_id: UUID) -> UUID:
    """Return the reference under which a payment was authorised."""
    query = select(operations.c.id).where(
        operations.c.payment_id == payment_id, operations.c.kind.in_((Kind.AUTHORISE, Kind.CHARGE))
    )
    return (await connection.execute(query)).scalar_one()


async def forgotten(connection: AsyncConnection, age: timedelta, limit: int) -> list[Operation]:
    """Return open operations that nobody has tried for `age`, oldest first."""
    query = (
        select(operations)
        .where(_untouched(age), operations.c.status == "open")
        .order_by(operations.c.attempted_at)
        .limit(limit)
    )
    return [await _operation(connection, row) for row in (await connection.execute(query)).all()]


async def settle(
    connection: AsyncConnection, operation_id: UUID, settlement: Settlement, untouched_for: timedelta | None = None
) -> Settled | None:
    """End an open operation, move its payment and write the ledger, in the caller's transaction.

    Returns None if another worker has ended it, or has tried it more recently than `untouched_for`.
    """
    query = update(operations).where(operations.c.id == operation_id, operations.c.status == "open")
    if untouched_for is not None:
        query = query.where(_untouched(untouched_for))
    query = query.values(status=settlement.status).returning(*operations.c)
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    kind = Kind(row.kind)
    payment = await _move(connection, row.payment_id, kind, row.amount, settlement)
    if settlement.status == "done":
        await ledger.post(connection, row.id, kind, row.amount, payment["currency"])
    return Settled(row.id, kind, row.amount, row.created_at, payment)


def _untouched(age: timedelta) -> Any:
    return (operations.c.attempted_at < func.now() - literal(age)) & (operations.c.locked_until <= func.now())


async def _operation(connection: AsyncConnection, row: Row[Any]) -> Operation:
    kind, authorization = Kind(row.kind), row.id
    if kind in (Kind.CAPTURE, Kind.REFUND):
        authorization = await authorization_of(connection, row.payment_id)
    return Operation(row.id, row.payment_id, kind, row.amount, authorization, resumed=True)


async def _move(
    connection: AsyncConnection, payment_id: UUID, kind: Kind, amount: int, settlement: Settlement
) -> RowMapping:
    refunded = payments.c.refunded_amount + amount
    match kind, settlement.status:
        case ((Kind.AUTHORISE | Kind.CHARGE), "declined"):
            values = {"status": Status.DECLINED, "decline_reason": settlement.decline_reason}
        case ((Kind.AUTHORISE | Kind.CHARGE), "abandoned"):
            values = {"status": Status.FAILED}
        case _, "declined" | "abandoned":
            return (await connection.execute(select(payments).where(payments.c.id == payment_id))).mappings().one()
        case Kind.AUTHORISE, _:
            values = {"status": Status.AUTHORISED}
        case ((Kind.CHARGE | Kind.CAPTURE), _):
            values = {"status": Status.CAPTURED, "captured_amount": amount}
        case _:
            full = case((refunded == payments.c.captured_amount, Status.REFUNDED), else_=Status.PARTIALLY_REFUNDED)
            values = {"status": full, "refunded_amount": refunded}
    target = values["status"] if isinstance(values["status"], Status) else Status.REFUNDED
    query = (
        update(payments)
        .where(payments.c.id == payment_id, payments.c.status.in_(_before(target)))
        .values(values)
        .returning(*payments.c)
    )
    # No row means an invalid transition of the payment: a bug of ours, so the transaction is rolled back.
    return (await connection.execute(query)).mappings().one()


def _before(target: Status) -> list[Status]:
    return [before for before, after in TRANSITIONS.items() if target in after]
