"""What can be set in the customer's environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Settings", "SettingsError"]


class SettingsError(ValueError):
    """A variable is missing or has a value that makes no sense; the message names it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Durations are in seconds."""

    gateway_url: str
    interval_seconds: float
    step_timeout_seconds: float
    version: str
    environment: str

    @classmethod
    def from_environment(cls, variables: Mapping[str, str] = os.environ) -> Settings:
        """Read GATEWAY_URL, INTERVAL_SECONDS, STEP_TIMEOUT_SECONDS and who we are. Raises SettingsError."""
        url = variables.get("GATEWAY_URL", "")
        if not url.startswith(("http://", "https://")):
            raise SettingsError(f"GATEWAY_URL is {url!r}: set it to the gateway's address, e.g. http://gateway:8000")
        return cls(
            gateway_url=url.rstrip("/"),
            interval_seconds=_seconds(variables, "INTERVAL_SECONDS", "5"),
            step_timeout_seconds=_seconds(variables, "STEP_TIMEOUT_SECONDS", "10"),
            version=variables.get("SERVICE_VERSION", "0.0.0"),
            environment=variables.get("DEPLOYMENT_ENVIRONMENT", "dev"),
        )


def _seconds(variables: Mapping[str, str], name: str, default: str) -> float:
    text = variables.get(name) or default
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.1 <= value <= 3600:
        raise SettingsError(f"{name} is {text!r}: it must be a number of seconds from 0.1 to 3600")
    return value
