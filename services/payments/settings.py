"""Payments' settings, read from the environment."""

from __future__ import annotations

from functools import lru_cache

from pydantic import Field, SecretStr

from sandbox_telemetry.settings import ServiceSettings

__all__ = ["Settings", "settings"]


class Settings(ServiceSettings):
    """Durations are in seconds."""

    database_url: SecretStr
    database_pool_size: int = Field(10, ge=1, le=50)
    auth_url: str
    acquirer_url: str

    # Key of the request fingerprints, so that a reader of the table cannot find a card number by trying all of them.
    fingerprint_key: SecretStr = Field(min_length=16)

    # Longest duration of a request, which its caller's deadline shortens, and of one attempt to ask auth.
    deadline_seconds: float = Field(8.0, gt=0, le=60)
    auth_timeout_seconds: float = Field(2.0, gt=0)
    # Auth refuses connections while it restarts; connecting is retried this long.
    auth_retry_seconds: float = Field(5.0, ge=0, le=60)
    acquirer_timeout_seconds: float = Field(3.0, gt=0)
    acquirer_attempts: int = Field(3, ge=1, le=5)

    # Failures in a row that open the circuit to the acquirer, and how long it stays open.
    circuit_failures: int = Field(5, ge=1)
    circuit_open_seconds: float = Field(10.0, gt=0)

    # After this long without an answer, an operation is looked up at the acquirer. Longer than any deadline.
    settle_after_seconds: int = Field(60, ge=1)
    housekeeping_seconds: float = Field(20.0, gt=0)
    idempotency_key_hours: int = Field(24, ge=1)
    database_wait_seconds: int = Field(30, ge=0)


@lru_cache
def settings() -> Settings:
    """Return the settings of this process, read once. Raises pydantic.ValidationError, which names the variable."""
    return Settings()
