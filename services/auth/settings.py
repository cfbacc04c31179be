"""Auth's settings, read from the environment."""

from __future__ import annotations

from functools import lru_cache

from pydantic import Field, SecretStr

from sandbox_telemetry.settings import ServiceSettings

__all__ = ["Settings", "settings"]


class Settings(ServiceSettings):
    """Durations are in seconds."""

    database_url: SecretStr
    database_pool_size: int = Field(8, ge=1, le=50)

    # OWASP's second recommendation for argon2id: about 35 ms of one core here, and 19 MiB per concurrent hash.
    password_hash_rounds: int = Field(2, ge=1)
    password_hash_memory_kib: int = Field(19456, ge=8)
    # Concurrent hashes, and the length of the queue. When it is full, logins are rejected and asked to retry.
    password_hash_threads: int = Field(2, ge=1, le=16)
    password_hash_queue: int = Field(64, ge=1)

    access_token_seconds: int = Field(600, ge=1)
    session_seconds: int = Field(14 * 24 * 3600, ge=1)

    # Failures in a row that lock an address out, the first lock-out in seconds, and the longest: each further failure
    # doubles it.
    lockout_failures: int = Field(5, ge=1)
    lockout_seconds: int = Field(60, ge=1)
    lockout_longest_seconds: int = Field(900, ge=1)
    # After this many seconds without a failure, the count restarts.
    lockout_forget_seconds: int = Field(3600, ge=1)

    housekeeping_seconds: int = Field(600, ge=1)
    database_wait_seconds: int = Field(30, ge=0)


@lru_cache
def settings() -> Settings:
    """Return the settings of this process, read once. Raises pydantic.ValidationError, which names the variable."""
    return Settings()
