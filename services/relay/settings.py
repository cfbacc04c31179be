"""What can be set in the relay's environment."""

from __future__ import annotations

from pydantic import Field

from kit.address import Address
from sandbox_telemetry.settings import ServiceSettings

__all__ = ["Settings"]


class Settings(ServiceSettings):
    """ALERT_MINUTES: how long an alert fires. A new error is news, not a state: its state is on the issue's page."""

    alertmanager_url: Address
    runbooks_url: Address
    alert_minutes: int = Field(15, ge=1, le=1440)
