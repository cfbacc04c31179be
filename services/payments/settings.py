"""What can be set in payments' environment."""

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

    # Keys the fingerprints of requests, so that nobody who reads the table can find a card number by trying them all.
    fingerprint_key: SecretStr = Field(min_length=16)

    # What a call may take when the caller set no deadline, and what one attempt of it may take.
    deadline_seconds: float = Field(8.0, gt=0, le=60)
    auth_timeout_seconds: float = Field(2.0, gt=0)
    # Auth refuses connections while it restarts; this long we knock again.
    auth_retry_seconds: float = Field(5.0, ge=0, le=60)
    acquirer_timeout_seconds: float = Field(3.0, gt=0)
    acquirer_attempts: int = Field(3, ge=1, le=5)

    # Failures in a row that open the circuit to the acquirer, and for how long.
    circuit_failures: int = Field(5, ge=1)
    circuit_open_seconds: float = Field(10.0, gt=0)

    # An operation without an answer for this long is looked up at the acquirer. Longer than any deadline.
    settle_after_seconds: int = Field(60, ge=1)
    housekeeping_seconds: float = Field(20.0, gt=0)
    idempotency_key_hours: int = Field(24, ge=1)
    database_wait_seconds: int = Field(30, ge=0)


@lru_cache
def settings() -> Settings:
    """The settings of this process, read once. Raises pydantic.ValidationError, which names the variable."""
    return Settings()
