"""Double-entry ledger: each movement of money is a transaction whose entries add up to zero.

Positive is debit, negative is credit, in minor units of one currency. The acquirer owes us what it took from customers
(acquirer_receivable), which we earned (sales) or refunded (refunds). An authorisation moves no money.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.states import Kind
from payments.tables import ledger_entries, ledger_transactions

__all__ = ["entries_of", "post"]


def entries_of(kind: Kind, amount: int) -> dict[str, int]:
    """Return the entries of an operation by account; empty if it moves no money."""
    match kind:
        case Kind.CHARGE | Kind.CAPTURE:
            return {"acquirer_receivable": amount, "sales": -amount}
        case Kind.REFUND:
            return {"refunds": amount, "acquirer_receivable": -amount}
        case Kind.AUTHORISE:
            return {}


async def post(connection: AsyncConnection, operation_id: UUID, kind: Kind, amount: int, currency: str) -> None:
    """Write an operation into the ledger, in the caller's transaction. Writing it twice violates a constraint."""
    entries = entries_of(kind, amount)
    if not entries:
        return
    transaction = await connection.scalar(
        insert(ledger_transactions).values(operation_id=operation_id).returning(ledger_transactions.c.id)
    )
    await connection.execute(
        insert(ledger_entries).values(
            [
                {"transaction_id": transaction, "account": account, "currency": currency, "amount": value}
                for account, value in entries.items()
            ]
        )
    )
