"""The tables as SQLAlchemy knows them. migrations/ creates them; a test compares both."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSON, TIMESTAMP, UUID

__all__ = ["idempotency_keys", "ledger_entries", "ledger_transactions", "metadata", "operations", "payments"]

metadata = MetaData()


def _id() -> Column:
    # UUID version 7 sorts by time, so the primary key is also the order of pagination.
    return Column("id", UUID, primary_key=True, server_default=func.uuidv7())


def _time(name: str) -> Column:
    return Column(name, TIMESTAMP(timezone=True), nullable=False, server_default=func.now())


payments = Table(
    "payments",
    metadata,
    _id(),
    Column("user_id", Text, nullable=False),
    Column("status", Text, nullable=False, server_default="pending"),
    Column("amount", BigInteger, nullable=False),
    Column("captured_amount", BigInteger, nullable=False, server_default="0"),
    Column("refunded_amount", BigInteger, nullable=False, server_default="0"),
    Column("currency", Text, nullable=False),
    Column("card_brand", Text, nullable=False),
    Column("card_last4", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("decline_reason", Text),
    _time("created_at"),
    Index("ix_payments_user", "user_id", "id"),
)

operations = Table(
    "operations",
    metadata,
    _id(),
    Column("payment_id", UUID, ForeignKey("payments.id", name="fk_operations_payment"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("status", Text, nullable=False, server_default="open"),
    _time("attempted_at"),
    Column("locked_until", TIMESTAMP(timezone=True), nullable=False),
    _time("created_at"),
    Index("ix_operations_payment", "payment_id"),
    Index("ix_operations_open", "attempted_at", postgresql_where=text("status = 'open'")),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("user_id", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("operation_id", UUID, ForeignKey("operations.id", name="fk_idempotency_keys_operation"), nullable=False),
    Column("answer_status", Integer),
    # Not JSONB, which would not keep the order of members: a repeated answer is identical to the byte.
    Column("answer", JSON),
    _time("created_at"),
    PrimaryKeyConstraint("user_id", "key", name="pk_idempotency_keys"),
    Index("ix_idempotency_keys_created", "created_at"),
    Index("ix_idempotency_keys_operation", "operation_id"),
)

ledger_transactions = Table(
    "ledger_transactions",
    metadata,
    _id(),
    Column("operation_id", UUID, ForeignKey("operations.id", name="fk_ledger_transactions_operation"), nullable=False),
    _time("created_at"),
    UniqueConstraint("operation_id", name="uq_ledger_transactions_operation"),
)

ledger_entries = Table(
    "ledger_entries",
    metadata,
    Column(
        "transaction_id",
        UUID,
        ForeignKey("ledger_transactions.id", name="fk_ledger_entries_transaction"),
        nullable=False,
    ),
    Column("account", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    PrimaryKeyConstraint("transaction_id", "account", "currency", name="pk_ledger_entries"),
    CheckConstraint("amount <> 0", name="ck_ledger_entries_amount"),
)
