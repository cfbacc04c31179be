"""The customer's settings, read from the environment."""

from __future__ import annotations

from pydantic import Field

from kit.address import Address
from sandbox_telemetry.settings import ServiceSettings

__all__ = ["Settings"]


class Settings(ServiceSettings):
    """Durations are in seconds."""

    gateway_url: Address
    interval_seconds: float = Field(5.0, ge=0.1, le=3600)
    step_timeout_seconds: float = Field(10.0, ge=0.1, le=3600)
