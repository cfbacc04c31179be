"""The relay's settings, read from the environment."""

from __future__ import annotations

from pydantic import Field

from kit.address import Address
from sandbox_telemetry.settings import ServiceSettings

__all__ = ["Settings"]


class Settings(ServiceSettings):
    """ALERT_MINUTES: how long an alert fires. It announces a new error; the issue's page shows its current state."""

    alertmanager_url: Address
    runbooks_url: Address
    alert_minutes: int = Field(15, ge=1, le=1440)
