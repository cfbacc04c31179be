"""The tables of auth's database. `migrations/` creates them; a test compares both."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    DateTime,
    ForeignKey,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
    func,
)

__all__ = ["accounts", "login_failures", "metadata", "refresh_tokens", "sessions", "signing_keys"]

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_name)s_key",
        "ix": "%(table_name)s_%(column_0_name)s_idx",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
    }
)


def _moment(name: str, **options: object) -> Column:
    return Column(name, DateTime(timezone=True), **options)


accounts = Table(
    "accounts",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("email", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    _moment("created_at", nullable=False, server_default=func.now()),
)

# One row is one login, and one family of refresh tokens.
sessions = Table(
    "sessions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("account_id", Uuid, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    _moment("created_at", nullable=False, server_default=func.now()),
    _moment("expires_at", nullable=False, index=True),
    _moment("revoked_at"),
    Column("revoked_because", Text),
)

# Only the SHA-256 of a token is stored. The token is 256 random bits, so a slow hash would add nothing.
refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("token_sha256", LargeBinary, primary_key=True),
    Column("session_id", Uuid, ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False, index=True),
    _moment("created_at", nullable=False, server_default=func.now()),
    _moment("used_at"),
)

# Keyed by the hash of the typed address, whether or not it has an account, so that a lock-out does not reveal which
# addresses have one.
login_failures = Table(
    "login_failures",
    metadata,
    Column("email_sha256", LargeBinary, primary_key=True),
    Column("failures", SmallInteger, nullable=False),
    _moment("last_failure_at", nullable=False, index=True),
    _moment("locked_until"),
)

# Private keys are protected only by database permissions: no other role than auth's can read this database.
signing_keys = Table(
    "signing_keys",
    metadata,
    Column("kid", Text, primary_key=True),
    Column("private_pem", Text, nullable=False),
    _moment("created_at", nullable=False, server_default=func.now()),
    _moment("retired_at"),
)
