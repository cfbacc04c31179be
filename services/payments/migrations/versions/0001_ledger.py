"""Payments, their operations, idempotency keys, and a double-entry ledger with its own constraints."""

from alembic import op

revision = "0001"
down_revision = None

TABLES = """
CREATE TABLE payments (
    id uuid CONSTRAINT pk_payments PRIMARY KEY DEFAULT uuidv7(),
    user_id text NOT NULL,
    status text NOT NULL DEFAULT 'pending',
    amount bigint NOT NULL,
    captured_amount bigint NOT NULL DEFAULT 0,
    refunded_amount bigint NOT NULL DEFAULT 0,
    currency text NOT NULL,
    card_brand text NOT NULL,
    card_last4 text NOT NULL,
    description text NOT NULL DEFAULT '',
    decline_reason text,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ck_payments_status CHECK (status IN
        ('pending', 'authorised', 'captured', 'partially_refunded', 'refunded', 'declined', 'failed')),
    CONSTRAINT ck_payments_amounts CHECK
        (amount > 0 AND captured_amount BETWEEN 0 AND amount AND refunded_amount BETWEEN 0 AND captured_amount),
    CONSTRAINT ck_payments_currency CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT ck_payments_card CHECK (card_last4 ~ '^[0-9]{4}$')
);
CREATE INDEX ix_payments_user ON payments (user_id, id);

CREATE TABLE operations (
    id uuid CONSTRAINT pk_operations PRIMARY KEY DEFAULT uuidv7(),
    payment_id uuid NOT NULL CONSTRAINT fk_operations_payment REFERENCES payments,
    kind text NOT NULL,
    amount bigint NOT NULL,
    status text NOT NULL DEFAULT 'open',
    attempted_at timestamptz NOT NULL DEFAULT now(),
    locked_until timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ck_operations_kind CHECK (kind IN ('authorise', 'charge', 'capture', 'refund')),
    CONSTRAINT ck_operations_status CHECK (status IN ('open', 'done', 'declined', 'abandoned')),
    CONSTRAINT ck_operations_amount CHECK (amount > 0)
);
CREATE INDEX ix_operations_payment ON operations (payment_id);
CREATE INDEX ix_operations_open ON operations (attempted_at) WHERE status = 'open';

CREATE TABLE idempotency_keys (
    user_id text NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    operation_id uuid NOT NULL CONSTRAINT fk_idempotency_keys_operation REFERENCES operations,
    answer_status integer,
    answer json,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_idempotency_keys PRIMARY KEY (user_id, key)
);
CREATE INDEX ix_idempotency_keys_created ON idempotency_keys (created_at);
CREATE INDEX ix_idempotency_keys_operation ON idempotency_keys (operation_id);

CREATE TABLE ledger_transactions (
    id uuid CONSTRAINT pk_ledger_transactions PRIMARY KEY DEFAULT uuidv7(),
    operation_id uuid NOT NULL CONSTRAINT fk_ledger_transactions_operation REFERENCES operations,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_ledger_transactions_operation UNIQUE (operation_id)
);
CREATE TABLE ledger_entries (
    transaction_id uuid NOT NULL CONSTRAINT fk_ledger_entries_transaction REFERENCES ledger_transactions,
    account text NOT NULL,
    currency text NOT NULL,
    amount bigint NOT NULL,
    CONSTRAINT pk_ledger_entries PRIMARY KEY (transaction_id, account, currency),
    CONSTRAINT ck_ledger_entries_account CHECK (account IN ('acquirer_receivable', 'sales', 'refunds')),
    CONSTRAINT ck_ledger_entries_amount CHECK (amount <> 0)
);
"""

# Checked at commit, because entries are inserted one after the other.
BALANCE = """
CREATE FUNCTION ledger_must_balance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM ledger_entries WHERE transaction_id = NEW.transaction_id
        GROUP BY currency HAVING sum(amount) <> 0
    ) THEN
        RAISE EXCEPTION 'ledger transaction % does not balance', NEW.transaction_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ledger_balances AFTER INSERT ON ledger_entries
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_must_balance();
"""

# A ledger is corrected by a further entry, never by changing one.
APPEND_ONLY = """
CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER ledger_entries_append_only BEFORE UPDATE OR DELETE ON ledger_entries
    FOR EACH ROW EXECUTE FUNCTION ledger_is_append_only();
CREATE TRIGGER ledger_transactions_append_only BEFORE UPDATE OR DELETE ON ledger_transactions
    FOR EACH ROW EXECUTE FUNCTION ledger_is_append_only();
"""

# The same table as payments.states.TRANSITIONS, for changes that bypass the service.
TRANSITIONS = """
CREATE FUNCTION payment_status_must_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT (OLD.status, NEW.status) IN (
        ('pending', 'authorised'), ('pending', 'captured'), ('pending', 'declined'), ('pending', 'failed'),
        ('authorised', 'captured'),
        ('captured', 'partially_refunded'), ('captured', 'refunded'),
        ('partially_refunded', 'partially_refunded'), ('partially_refunded', 'refunded')
    ) THEN
        RAISE EXCEPTION 'a payment cannot go from % to %', OLD.status, NEW.status USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payment_status_follows BEFORE UPDATE ON payments
    FOR EACH ROW EXECUTE FUNCTION payment_status_must_follow();
"""


def upgrade() -> None:
    """Create everything, in the transaction that the caller holds."""
    for statements in (TABLES, BALANCE, APPEND_ONLY, TRANSITIONS):
        for statement in _split(statements):
            op.execute(statement)


def _split(statements: str) -> list[str]:
    """Split the text into single statements, as asyncpg requires; a function's body stays whole."""
    parts, body = [], False
    current: list[str] = []
    for line in statements.splitlines():
        body ^= line.count("$$") % 2 == 1
        current.append(line)
        if line.endswith(";") and not body:
            parts.append("\n".join(current))
            current = []
    return parts
