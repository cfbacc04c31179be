"""Accounts, sessions with their refresh tokens, failed logins, signing keys.

Revisions only go forward: a release that is rolled back runs on the newer schema.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _moment(name: str, **options: object) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), **options)


def upgrade() -> None:
    now = sa.func.now()
    op.create_table(
        "accounts",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("email", sa.Text, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        _moment("created_at", nullable=False, server_default=now),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("account_id", sa.Uuid, sa.ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
        _moment("created_at", nullable=False, server_default=now),
        _moment("expires_at", nullable=False, index=True),
        _moment("revoked_at"),
        sa.Column("revoked_because", sa.Text),
    )
    op.create_table(
        "refresh_tokens",
        sa.Column("token_sha256", sa.LargeBinary, primary_key=True),
        sa.Column("session_id", sa.Uuid, sa.ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False, index=True),
        _moment("created_at", nullable=False, server_default=now),
        _moment("used_at"),
    )
    op.create_table(
        "login_failures",
        sa.Column("email_sha256", sa.LargeBinary, primary_key=True),
        sa.Column("failures", sa.SmallInteger, nullable=False),
        _moment("last_failure_at", nullable=False, index=True),
        _moment("locked_until"),
    )
    op.create_table(
        "signing_keys",
        sa.Column("kid", sa.Text, primary_key=True),
        sa.Column("private_pem", sa.Text, nullable=False),
        _moment("created_at", nullable=False, server_default=now),
        _moment("retired_at"),
    )
